"""Images: adding them with their parts and sources."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select

from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.edits import Transaction
from indexer.store.images.embeddings import EmbeddingEdits
from indexer.store.images.removal import ImageRemoval
from indexer.store.images.rows import (
    WHOLE,
    NumberedPart,
    check_classifier,
    check_embeddings,
    image_row,
    part_rows,
    source_columns,
)
from indexer.store.images.spaces import Spaces
from indexer.store.models import (
    ImageRow,
    LocalFeaturesRow,
    PartRow,
    SourceRow,
    ThumbnailRow,
)
from indexer.store.sql_parameters import uri_digest
from indexer.store.values import AddOutcome, Arrival
from indexer.types import NewImage, Part, Space


class ImageEdits(ImageRemoval):
    """The images within a writing transaction."""

    def __init__(
        self, transaction: Transaction, entries: EntryEdits, embeddings: EmbeddingEdits
    ) -> None:
        super().__init__(transaction, entries)
        self._embeddings = embeddings

    def add(self, items: Sequence[tuple[NewImage, Arrival]], space_id: int) -> AddOutcome:
        """Add images with their parts and sources.

        What the index holds already gains a source, and the parts and vectors that it lacks; it
        keeps the ones that it has. An image that was removed becomes active again; one that was
        purged does so as if it were new. The log gets a change for each image that becomes visible
        in the space or gains vectors there, and for each new entry.

        Parameters
        ----------
        items : sequence of (NewImage, Arrival)
            The same bytes may come twice.
        space_id : int
            Space of the embeddings.

        Raises
        ------
        SpaceReplaced
            The index is bound to another space by now.
        ClassifierReplaced
            It uses another classifier by now.
        DimensionMismatch
            An embedding is not as long as the space's are.
        UnusableOutput
            An embedding is not finite.
        NotFoundError
            There is no such space or bank.
        """
        if not items:
            return AddOutcome()
        spaces = Spaces(self._connection)
        space = spaces.get(space_id)
        spaces.require_active(space)
        check_embeddings([image for image, _ in items], space)
        check_classifier([image for image, _ in items], space)
        images = {image.sha256: image for image, _ in items}
        held = self._ids(images)
        new = [image for digest, image in images.items() if digest not in held]
        self._insert(ImageRow, [image_row(image, self._now) for image in new])
        ids = held | self._ids(image.sha256 for image in new)
        restored = self._restore({ids[digest]: images[digest] for digest in held})
        by_id = {ids[digest]: image for digest, image in images.items()}
        gained = self._add_parts(by_id, held.values(), space)
        self._embeddings.write_semantics(by_id, held.values(), space)
        completed = gained | self._add_for_verification(by_id, held.values())
        reactivated = self._reactivate(held.values())
        self._log.append("image", "added", sorted({*gained, *reactivated}))
        added = len(new) + len(reactivated)
        joined = [(ids[image.sha256], arrival) for image, arrival in items]
        return AddOutcome(
            added=added,
            reactivated=len(reactivated),
            restored=restored,
            completed=len(completed.intersection(held.values()).difference(reactivated)),
            duplicates=len(items) - added,
            sources=self._add_sources(joined),
            entries=self._join_banks(joined),
        )

    def add_sources(self, items: Sequence[tuple[int, Arrival]]) -> AddOutcome:
        """Add sources of images whose bytes the index holds already.

        An image that was removed since the caller looked becomes active again. One that was purged
        since then is passed over: nothing is left to make active, and the next run adds it anew.

        Parameters
        ----------
        items : sequence of (int, Arrival)
            Image id, and where its bytes were found.

        Raises
        ------
        NotFoundError
            There is no such image or bank.
        """
        ids = {image_id for image_id, _ in items}
        self._require_images(ids)
        purged = {*self._purged(ids)}
        kept = [item for item in items if item[0] not in purged]
        reactivated = self._reactivate(ids - purged)
        self._log.append("image", "added", reactivated)
        return AddOutcome(
            added=len(reactivated),
            reactivated=len(reactivated),
            duplicates=len(kept) - len(reactivated),
            sources=self._add_sources(kept),
            entries=self._join_banks(kept),
        )

    def _ids(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Return the ids of images by their SHA-256, of removed ones too."""
        statement = select(ImageRow.sha256, ImageRow.id)
        return {row.sha256: row.id for row in self._rows(statement, ImageRow.sha256, digests)}

    def _purged(self, image_ids: Iterable[int]) -> list[int]:
        return self._ids_among(ImageRow, image_ids, ImageRow.purged_at.is_not(None))

    def _restore(self, held: Mapping[int, NewImage]) -> int:
        """Fill the rows of purged images again; return how many there were."""
        purged = self._purged(held)
        for image_id in purged:
            row = image_row(held[image_id], self._now)
            self._set(ImageRow, [image_id], **row, purged_at=None)
        return len(purged)

    def _reactivate(self, image_ids: Iterable[int]) -> list[int]:
        """Make removed images active again; return those that were removed."""
        removed = self._ids_among(ImageRow, image_ids, ImageRow.removed_at.is_not(None))
        self._set(ImageRow, removed, removed_at=None)
        return removed

    def _add_parts(
        self, images: Mapping[int, NewImage], held: Collection[int], space: Space
    ) -> set[int]:
        """Write the parts and vectors that are missing; return the images that gained any.

        Parameters
        ----------
        images : mapping of int to NewImage
            By id.
        held : collection of int
            Those of them that may have parts and vectors already.
        """
        known = self._embeddings.part_numbers(held)
        parts = [part for item in images.items() for part in _number(*item, known)]
        self._insert(
            PartRow, part_rows(p for p in parts if p.number not in known[p.image_id].values())
        )
        return self._embeddings.write(parts, held, space)

    def _add_for_verification(
        self, images: Mapping[int, NewImage], held: Iterable[int]
    ) -> set[int]:
        """Keep the thumbnails and local features that came with images that have none yet.

        Parameters
        ----------
        images : mapping of int to NewImage
            By id.
        held : iterable of int
            Those of them that may have some already.

        Returns
        -------
        set of int
            The images that gained any.
        """
        thumbnails = {i: image.thumbnail for i, image in images.items() if image.thumbnail}
        features = {i: image.features for i, image in images.items() if image.features}
        for table in (ThumbnailRow, LocalFeaturesRow):
            kept = thumbnails if table is ThumbnailRow else features
            for row in self._rows(select(table.image_id), table.image_id, kept.keys() & {*held}):
                del kept[row.image_id]
        self._insert(
            ThumbnailRow, [{"image_id": i, "jpeg": jpeg} for i, jpeg in thumbnails.items()]
        )
        self._insert(
            LocalFeaturesRow, [{"image_id": i, "packed": packed} for i, packed in features.items()]
        )
        return {*thumbnails, *features}

    def _add_sources(self, items: Iterable[tuple[int, Arrival]]) -> int:
        """Open sources; close those whose file now holds another image; return how many opened.

        A file that was touched but holds the same bytes only gets its new stamp and details.
        """
        found = {uri_digest(arrival.stamp.uri): (image_id, arrival) for image_id, arrival in items}
        closed = []
        for row in self._open_source_rows(found):
            image_id, arrival = found[row.uri_sha256]
            if row.image_id != image_id:
                closed.append(row.id)
                continue
            columns = source_columns(arrival)
            if any(getattr(row, name) != value for name, value in columns.items()):
                self._set(SourceRow, [row.id], **columns)
            del found[row.uri_sha256]
        self._set(SourceRow, closed, closed_at=self._now)
        nothing = dict.fromkeys(("label", "uploader", "created_at", "free_metadata"))
        self._insert(
            SourceRow,
            [
                {
                    "image_id": image_id,
                    "uri": arrival.stamp.uri,
                    "uri_sha256": digest,
                    "first_seen_at": self._now,
                }
                | nothing
                | source_columns(arrival)
                for digest, (image_id, arrival) in found.items()
            ],
        )
        return len(found)

    def _open_source_rows(self, digests: Iterable[bytes]) -> list[Row[Any]]:
        """Return the open sources among these URI digests."""
        statement = select(SourceRow.__table__).where(SourceRow.closed_at.is_(None))
        return list(self._rows(statement, SourceRow.uri_sha256, digests))

    def _join_banks(self, items: Iterable[tuple[int, Arrival]]) -> int:
        """Make images entries of the banks that they arrived for; return how many were not."""
        joining: defaultdict[int, set[int]] = defaultdict(set)
        for image_id, arrival in items:
            if arrival.bank_id is not None:
                joining[arrival.bank_id].add(image_id)
        return sum(self._entries.join(bank_id, joining[bank_id]) for bank_id in sorted(joining))


def _number(
    image_id: int, image: NewImage, known: defaultdict[int, dict[Part, int]]
) -> Iterator[NumberedPart]:
    """Give the parts of an image their numbers: those that they have, or the next free ones."""
    yield NumberedPart(image_id, WHOLE, image)
    numbers = known[image_id]
    free = max(numbers.values(), default=WHOLE) + 1
    for part, content in {new.part: new for new in image.parts}.items():
        yield NumberedPart(image_id, numbers.get(part, free), content)
        free += part not in numbers
