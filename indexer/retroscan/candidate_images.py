"""Candidate images of new entries: all within reach of the thresholds, not only the nearest.

A search with each new entry finds them, so the cost is that of the new entries, however large the
gallery is.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from indexer.matching.pieces import Pieces, stored_pieces
from indexer.retroscan.reach import Bar, Pair, near_by_both, near_by_embedding, near_by_pdq
from indexer.store import Catalog
from indexer.thresholds import ThresholdResolver
from indexer.types import Entry, FingerprintKind, ImageRecord, count_comparisons
from indexer.vector_views import Views

CandidateImages = Mapping[int, set[int]]
"""Ids of entries by the id of the stored image that they may match."""


def find_candidate_images(
    catalog: Catalog,
    views: Views,
    thresholds: ThresholdResolver,
    entries: Sequence[Entry],
    records: Mapping[int, ImageRecord],
    min_quality: int,
) -> CandidateImages:
    """Find the stored images that entries may match; the matcher judges which of them do.

    Parameters
    ----------
    catalog : Catalog
    views : Views
    thresholds : ThresholdResolver
    entries : sequence of Entry
    records : mapping of int to ImageRecord
        With their embeddings, the images among the entries by id.
    min_quality : int
        PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
    """
    found: defaultdict[int, set[int]] = defaultdict(set)
    by_bank: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_bank[entry.bank].append(entry)
    fewest = len({entry.image_id for entry in entries if entry.image_id is not None})
    for bank, members in by_bank.items():
        bar = Bar(thresholds.for_bank(bank), thresholds.fusion, count_comparisons(fewest))
        for image_id, entry_id in _alike(views, bar, members, records, min_quality):
            found[image_id].add(entry_id)
    for image_id, entry_id in _of_same_bytes(catalog, entries):
        found[image_id].add(entry_id)
    return found


def _alike(
    views: Views,
    bar: Bar,
    entries: Sequence[Entry],
    records: Mapping[int, ImageRecord],
    min_quality: int,
) -> Iterator[Pair]:
    """Yield pairs that are near by a signal, of entries that are held to the same bounds."""
    pieces = {
        entry.id: Pieces.of(of_record)
        for entry in entries
        if entry.image_id is not None
        and (record := records.get(entry.image_id))
        and (of_record := stored_pieces(record, min_quality))
    }
    bare = {
        entry.id: np.frombuffer(entry.fingerprint.value, np.uint8)[np.newaxis]
        for entry in entries
        if entry.fingerprint and entry.fingerprint.kind is FingerprintKind.PDQ
    }
    of_images = {entry_id: of_record.pdq for entry_id, of_record in pieces.items()}
    yield from near_by_pdq(views, bar, bare | of_images)
    yield from near_by_embedding(views, bar, pieces)
    yield from near_by_both(views, bar, pieces)


def _of_same_bytes(catalog: Catalog, entries: Sequence[Entry]) -> Iterator[Pair]:
    """Yield pairs whose entry is the digest of the image's bytes."""
    digests: defaultdict[FingerprintKind, dict[bytes, list[int]]] = defaultdict(dict)
    for entry in entries:
        if entry.fingerprint:
            of_kind = digests[entry.fingerprint.kind]
            of_kind.setdefault(entry.fingerprint.value, []).append(entry.id)
    by_sha256 = digests[FingerprintKind.SHA256]
    by_md5 = digests[FingerprintKind.MD5]
    for digest, image_id in catalog.images.ids_by_sha256(by_sha256).items():
        yield from ((image_id, entry_id) for entry_id in by_sha256[digest])
    for digest, image_id in catalog.images.ids_by_md5(by_md5):
        yield from ((image_id, entry_id) for entry_id in by_md5[digest])
