"""Export of a bank as a list."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Final

from indexer.errors import InputError
from indexer.exchange.list_output import open_target
from indexer.exchange.writers import WRITERS, ListedEntry
from indexer.store import Catalog, ImageFingerprints, Store
from indexer.types import EntryRecord, Fingerprint, FingerprintKind, ListFormat

_PAGE: Final = 5000  # entries
_KINDS: Final = {ListFormat.TX: {FingerprintKind.PDQ, FingerprintKind.MD5}}  # where not all


@dataclass(slots=True)
class ExportReport:
    """What an export wrote."""

    bank: str
    """The bank."""
    target: str
    """The file; `-` for stdout."""
    format: ListFormat
    """How the list is written."""
    entries: int = 0
    """Entries of which the list has a fingerprint."""
    fingerprints: int = 0
    """Lines or rows of the list."""
    disabled: int = 0
    """Entries left out because they are disabled now."""
    seconds: float = 0.0
    """How long it took."""


def export_bank(
    store: Store,
    bank_name: str,
    target: str,
    list_format: ListFormat,
    *,
    kinds: Collection[FingerprintKind] = (),
    min_quality: int,
) -> ExportReport:
    """Write the entries of a bank as they are at one moment; importing the list gives them back.

    Parameters
    ----------
    store : Store
    bank_name : str
    target : str
        Path of a file, which is replaced once the list is whole, and compressed if its name ends in
        `.gz`; or `-` for stdout.
    list_format : ListFormat
    kinds : collection of FingerprintKind
        Fingerprints of these kinds only; of all that the format can hold when there are none.
    min_quality : int
        PDQ quality (0 to 100) below which an image's PDQ is left out.

    Raises
    ------
    NotFoundError
        There is no such bank.
    InputError
        We do not write this format, or it cannot hold one of the kinds.
    ListNotWritten
        The file cannot be written; what was there is untouched.
    """
    if list_format not in WRITERS:
        raise InputError(
            f"Lists cannot be written as {list_format}. Choose one of {', '.join(WRITERS)}."
        )
    if strange := set(kinds) - _KINDS.get(list_format, set(FingerprintKind)):
        raise InputError(
            f"A {list_format} list holds no {', '.join(sorted(strange))}. Leave that out, or "
            "choose another format."
        )
    started = perf_counter()
    wanted = set(kinds) or _KINDS.get(list_format, set(FingerprintKind))
    report = ExportReport(bank_name, target, list_format)
    with store.reader() as catalog:
        catalog.banks.get(bank_name)  # raises before the file is opened
        listed = _listed(catalog, bank_name, wanted, min_quality, report)
        with open_target(target) as file:
            file.writelines(WRITERS[list_format](listed))
    report.seconds = round(perf_counter() - started, 3)
    return report


def _listed(
    catalog: Catalog,
    bank_name: str,
    kinds: Collection[FingerprintKind],
    min_quality: int,
    report: ExportReport,
) -> Iterator[ListedEntry]:
    """Yield the fingerprints of a bank's entries, and count them."""
    now, after = datetime.now(UTC), 0
    while page := catalog.entries.page(bank_name, after_id=after, limit=_PAGE):
        after = page[-1].id
        images = catalog.images.fingerprints(entry.image_id for entry in page if entry.image_id)
        for entry in page:
            if entry.disabled_until is not None and entry.disabled_until > now:
                report.disabled += 1
                continue
            found = [
                (fingerprint, quality)
                for fingerprint, quality in _fingerprints(entry, images, min_quality)
                if fingerprint.kind in kinds
            ]
            report.entries += bool(found)
            report.fingerprints += len(found)
            for fingerprint, quality in found:
                yield ListedEntry(fingerprint, quality, entry)


def _fingerprints(
    entry: EntryRecord, images: Mapping[int, ImageFingerprints], min_quality: int
) -> Iterator[tuple[Fingerprint, int | None]]:
    """Yield what an entry can be known by, with the quality of an image's PDQ."""
    if entry.fingerprint is not None:
        yield entry.fingerprint, None
    elif entry.image_id is not None and entry.image_id in images:
        image = images[entry.image_id]
        yield Fingerprint(FingerprintKind.SHA256, image.sha256), None
        yield Fingerprint(FingerprintKind.MD5, image.md5), None
        if image.pdq.quality >= min_quality:
            yield Fingerprint(FingerprintKind.PDQ, image.pdq.bits), image.pdq.quality
