"""Batch: what one transaction of a run writes, and how it is counted."""

from dataclasses import dataclass, field

from indexer.ingest.ingest_report import IngestReport
from indexer.ingest.part_lease import PartLease
from indexer.ingest.stage_messages import Encoded, Known, Outcome, Spoiled, Unchanged
from indexer.sources import is_outside
from indexer.store import AddOutcome, Store, Walk
from indexer.types import PartProgress, SkippedSource, Space


@dataclass(slots=True)
class Batch:
    """Outcomes that are written together."""

    encoded: list[Encoded] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    skipped: list[SkippedSource] = field(default_factory=list)
    spoiled: list[str] = field(default_factory=list)  # URIs of skipped ones that held an image
    unchanged: list[str] = field(default_factory=list)  # URIs
    links_not_followed: int = 0
    is_last: bool = False
    """Whether the run was through with its sources, uninterrupted, when this batch was taken."""

    def __len__(self) -> int:
        """Count what has to be written, marks of the walk aside."""
        return len(self.encoded) + len(self.known) + len(self.skipped)

    def add(self, outcome: Outcome) -> None:
        """Take an outcome in."""
        match outcome:
            case Encoded():
                self.encoded.append(outcome)
            case Known():
                self.known.append(outcome)
            case Unchanged():
                self.unchanged += outcome.uris
            case SkippedSource() if is_outside(outcome):
                self.links_not_followed += 1
            case SkippedSource():
                self.skipped.append(outcome)
            case Spoiled():
                self.skipped.append(outcome.source)
                self.spoiled.append(outcome.source.uri)

    def commit(
        self,
        store: Store,
        space: Space,
        walk: Walk | None,
        report: IngestReport,
        lease: PartLease | None = None,
    ) -> None:
        """Write all in one transaction, then count it.

        Parameters
        ----------
        store : Store
        space : Space
            Of the embeddings.
        walk : Walk, optional
            Pass over the sources whose mark each of them gets.
        report : IngestReport
            What is counted is added to it.
        lease : PartLease, optional
            Of the part that they are of: it is renewed, and with the last batch the part is done.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be written; nothing of the batch is.
        LeaseLost
            Another worker has the part now; nothing of the batch is written.
        """
        if len(self) or (walk and self.unchanged) or (lease and self._moves(lease)):
            sources = [item.wanted for item in self.encoded] + [item.wanted for item in self.known]
            met = [source.uri for source in sources]
            with store.writer() as writer:
                added = writer.images.add(
                    [(item.image, item.wanted.arrival) for item in self.encoded], space.id
                )
                joined = writer.images.add_sources(
                    [(item.image_id, item.wanted.arrival) for item in self.known]
                )
                writer.quarantine.add(self.skipped)
                writer.sources.close_at(self.spoiled)
                writer.quarantine.release(met)
                if walk:
                    met += [item.uri for item in self.skipped]
                    writer.sources.mark_walked(walk, met + self.unchanged)
                if lease:
                    lease.advance(writer, self._progress(added), is_last=self.is_last)
            _count(report, added, len(self.encoded))
            _count(report, joined, len(self.known))
        self._count_rest(report)

    def _moves(self, lease: PartLease) -> bool:
        """Return whether a part must hear of a batch of which nothing else is written."""
        return bool(self.unchanged) or self.is_last or lease.is_due

    def _progress(self, added: AddOutcome) -> PartProgress:
        return PartProgress(
            processed=len(self) + len(self.unchanged),
            added=added.added,
            skipped=len(self.skipped),
            is_new=bool(self.encoded),
        )

    def _count_rest(self, report: IngestReport) -> None:
        images = {item.image.sha256: item.image for item in self.encoded}
        report.parts += sum(len(image.parts) for image in images.values())
        report.encoded += len(self.encoded)
        report.changed += sum(item.is_changed for item in self.encoded)
        report.changed += sum(item.wanted.replaces(item.image_id) for item in self.known)
        report.bytes += sum(item.image.byte_size for item in self.encoded)
        report.bytes += sum(item.bytes_read for item in self.known)
        report.unchanged += len(self.unchanged)
        report.links_not_followed += self.links_not_followed
        report.skip(self.skipped)


def _count(report: IngestReport, outcome: AddOutcome, items: int) -> None:
    """Count `items` sources once each: as added, duplicate or unchanged."""
    further = max(0, outcome.sources - outcome.added)
    report.added += outcome.added
    report.duplicates += further
    report.unchanged += items - outcome.added - further
    report.completed += outcome.completed
    report.entries += outcome.entries
