"""Bank hardening: variants of entries, chosen within a budget and stored one entry at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Final

from indexer.embedding_space import load_bound_encoder
from indexer.generation.edits import PictureEdit
from indexer.hardening.bank_entries import entry_pages, find_block_bank
from indexer.hardening.edited_copies import CopyMaker
from indexer.hardening.entry_pictures import EntryPicture, UnreachableEntry, read_pictures
from indexer.hardening.hardening_report import HardeningReport
from indexer.hardening.variant_choice import Choice, VariantChooser
from indexer.model import Encoder, load_traits
from indexer.settings import Settings
from indexer.store import Store
from indexer.thresholds import choose_thresholds
from indexer.types import Bank, EntryRecord, ImageRecord, Space

_NOT_EMBEDDED: Final = "not_embedded"
_Made = Future[tuple[EntryPicture, Choice]]


@dataclass(frozen=True, slots=True)
class HardeningOptions:
    """Options of one run."""

    edits: Sequence[PictureEdit]
    """Those that are tried on each picture."""
    budget: int
    """Most variants of an entry."""
    entry_ids: frozenset[int] = frozenset()
    """Only these entries; all of the bank when empty."""


class BankHardener:
    """Gives the entries of a block bank variants.

    Each entry is committed by itself: what is done stays if the run is cut off, and the next one
    goes on from there, since entries that have variants are passed over.

    Parameters
    ----------
    store : Store
    encoder : Encoder
    space : Space
    settings : Settings
    """

    def __init__(self, store: Store, encoder: Encoder, space: Space, settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings
        self._traits = load_traits(encoder.card.reference)

    def run(
        self,
        bank_name: str,
        options: HardeningOptions,
        *,
        on_progress: Callable[[HardeningReport], None] = lambda _report: None,
        stop: Event | None = None,
    ) -> HardeningReport:
        """Make variants of the entries that have none.

        Parameters
        ----------
        bank_name : str
        options : HardeningOptions
        on_progress : callable
            Called with the running report after each entry, by the calling thread.
        stop : Event, optional
            Once it is set nothing new is begun; what is under way is finished and committed.

        Raises
        ------
        NotFoundError
            There is no such bank, or it has none of the entries that were asked for.
        InputError
            It is an allow bank.
        """
        begun = monotonic()
        stop = stop or Event()
        bank = find_block_bank(self._store, bank_name)
        report = HardeningReport(bank.name, options.budget, len(options.edits))
        chooser = self._chooser(bank, options)
        with ThreadPoolExecutor(self._settings.worker_threads) as pool:
            for page in entry_pages(self._store, bank, options.entry_ids):
                report.entries += len(page)
                for made in self._make(self._wanted(page, report), chooser, pool, stop):
                    self._keep(bank, made, report)
                    report.seconds = monotonic() - begun
                    on_progress(report)
                if stop.is_set() and report.done < report.entries:
                    report.interrupted = True
                    break
        report.seconds = monotonic() - begun
        return report

    def _chooser(self, bank: Bank, options: HardeningOptions) -> VariantChooser:
        settings = self._settings
        with self._store.reader() as catalog:
            bounds = catalog.cards.bounds(self._space.id)
            entries = sum(each.entry_count for each in catalog.banks.all() if each.enabled)
        thresholds = choose_thresholds(
            settings, bounds, space_id=self._space.id, fusion=self._traits.fusion
        )
        quality = settings.pdq_min_quality
        maker = CopyMaker(self._encoder, self._traits, quality, options.edits)
        _ = maker.directions  # once, before several threads need them
        return VariantChooser(
            maker,
            self._traits,
            thresholds.for_bank(bank.name),
            entries=entries,
            min_quality=quality,
            budget=options.budget,
        )

    def _wanted(self, page: Sequence[EntryRecord], report: HardeningReport) -> list[int]:
        """Return the images of a page that have no variants yet; count the other entries."""
        images = [entry.image_id for entry in page if entry.image_id is not None]
        with self._store.reader() as catalog:
            already = catalog.variants.hardened(images, self._space.id)
        report.fingerprints += len(page) - len(images)
        report.already += len(already)
        return [image_id for image_id in images if image_id not in already]

    def _make(
        self,
        image_ids: Sequence[int],
        chooser: VariantChooser,
        pool: ThreadPoolExecutor,
        stop: Event,
    ) -> Iterator[_Made | UnreachableEntry]:
        """Yield what becomes of each image, a few of them in the making ahead."""
        with self._store.reader() as catalog:
            pictures = catalog.embeddings.pictures(image_ids)
            records = catalog.images.get_many(image_ids, self._space.id, with_embedding=True)
        records = {i: record for i, record in records.items() if record.embedding is not None}
        for image_id in image_ids:
            if image_id not in records:
                reason = "It has no embedding of the index's model. Run `lookalike repair`."
                yield UnreachableEntry(image_id, None, _NOT_EMBEDDED, reason)

        def make(found: EntryPicture, record: ImageRecord) -> tuple[EntryPicture, Choice]:
            return found, chooser.choose(record, found.picture)

        under_way: list[_Made] = []
        wanted = [one for one in pictures if one.image_id in records]
        for found in read_pictures(self._store, self._settings, wanted):
            if isinstance(found, UnreachableEntry):
                yield found
                continue
            under_way.append(pool.submit(make, found, records[found.image_id]))
            if len(under_way) > 2 * self._settings.worker_threads:
                yield under_way.pop(0)
            if stop.is_set():
                break
        yield from under_way

    def _keep(self, bank: Bank, made: _Made | UnreachableEntry, report: HardeningReport) -> None:
        """Store the variants of one entry."""
        if isinstance(made, UnreachableEntry):
            report.miss(made)
            return
        found, choice = made.result()
        report.count(choice, from_thumbnail=found.from_thumbnail)
        if choice.variants:
            classifier = self._encoder.card.classifier
            with self._store.writer() as writer:
                variants = {found.image_id: choice.variants}
                writer.variants.replace(bank.id, variants, self._space.id, classifier)


def open_hardener(store: Store, settings: Settings) -> BankHardener:
    """Load the model of the index.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    ModelMismatch, ClassifierMismatch
        The settings name another model or classifier than the index's.
    """
    return BankHardener(store, *load_bound_encoder(store, settings), settings)
