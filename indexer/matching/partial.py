"""Queries that are less than a picture: a vector, a fingerprint, a stored image."""

from collections.abc import Sequence

import numpy as np

from indexer.errors import DimensionMismatch, InputError, ModelMismatch
from indexer.images.fingerprints import hamming
from indexer.matching.candidates import Candidate, Case
from indexer.matching.comparison import Comparison, Pieces, Query, compare_fingerprint
from indexer.matching.evidence import judge_all
from indexer.matching.matcher import Matcher
from indexer.matching.options import SearchOptions
from indexer.matching.ruling import Ruling, rule
from indexer.matching.verifying import Compared
from indexer.types import (
    Embeddings,
    Evidence,
    Fingerprint,
    FingerprintKind,
    ImageRecord,
    Match,
    PartialVerdict,
    Signal,
    Verdict,
)

_NO_PDQ = np.empty((0, 32), np.uint8)


def match_vector(
    matcher: Matcher, vector: Sequence[float], model: str, options: SearchOptions
) -> PartialVerdict:
    """Judge an embedding that somebody else made with the model of the index.

    Only the embedding is compared: nothing is found by its bytes or its PDQ.

    Parameters
    ----------
    matcher : Matcher
    vector : sequence of float
        As long as the space's are; of any length but 0, it is normalised.
    model : str
        Fingerprint of the model that made it, 64 hex digits.
    options : SearchOptions

    Raises
    ------
    ModelMismatch
        The index is of another model.
    DimensionMismatch
        The vector is not as long as the index's.
    InputError
        It has no direction, is not finite, or an option cannot be used.
    NotFoundError
        There is no such bank.
    """
    space = matcher.space
    if model != space.fingerprint:
        raise ModelMismatch(expected=space.fingerprint, got=model)
    if len(vector) != space.dimension:
        raise DimensionMismatch(expected=space.dimension, got=len(vector))
    pieces = Pieces.of([(None, _NO_PDQ, _unit(vector))])
    query = matcher.query(b"", b"", pieces)
    watermark = matcher.watermark
    ruling = rule(lambda k: matcher.judge(query, matcher.hear(query, k, options)), options)
    return _verdict("vector", ruling, matcher, watermark)


def match_fingerprint(
    matcher: Matcher, fingerprint: Fingerprint, options: SearchOptions
) -> PartialVerdict:
    """Judge a fingerprint: SHA-256 and MD5 match the same bytes, PDQ all that is within its bound.

    It is compared with the fingerprints of stored images and with bare ones of the same kind. A
    PDQ is known in one orientation only: mirrored or turned copies are not found.

    Raises
    ------
    InputError
        An option cannot be used.
    NotFoundError
        There is no such bank.
    """
    query = _query_of(fingerprint, matcher.space.dimension)
    watermark = matcher.watermark

    def judge(k: int) -> list[Match]:
        case = matcher.hear(query, k, options)
        return judge_all(query, case, _compare_all(query, fingerprint, case, matcher.min_quality))

    name = f"{fingerprint.kind} {fingerprint.hex}"
    return _verdict(name, rule(judge, options), matcher, watermark)


def match_stored(matcher: Matcher, image_id: int, options: SearchOptions) -> Verdict:
    """Judge a stored image by what is stored of it, itself left out.

    What it is an entry of is no match; an allow bank that it is in excuses its matches all the
    same. Its PDQ is known in one orientation only.

    Raises
    ------
    InputError
        An option cannot be used.
    NotFoundError
        No active image has this id, it has no embedding in the space of this index, or there is no
        such bank.
    """
    record, query = matcher.stored_query(image_id)
    watermark = matcher.watermark
    ruling = rule(
        lambda k: matcher.judge(query, matcher.hear(query, k + 1, options)), options, image_id
    )
    return Verdict(
        query=f"image {image_id}",
        tier=ruling.tier,
        banks=ruling.banks,
        hits=ruling.hits,
        matches=ruling.matches,
        probabilities=record.probabilities,
        model=matcher.space.fingerprint,
        sha256=record.sha256.hex(),
        pdq=record.pdq.bits.hex(),
        pdq_quality=record.pdq.quality,
        watermark=watermark,
        cluster=matcher.cluster_of(query.pieces.embeddings[0]),
        nearest=ruling.nearest,
    )


def _verdict(name: str, ruling: Ruling, matcher: Matcher, watermark: int) -> PartialVerdict:
    return PartialVerdict(
        query=name,
        tier=ruling.tier,
        banks=ruling.banks,
        hits=ruling.hits,
        matches=ruling.matches,
        model=matcher.space.fingerprint,
        watermark=watermark,
    )


def _unit(vector: Sequence[float]) -> Embeddings:
    """Return a vector at unit length, (d,) float32."""
    given = np.asarray(vector, np.float64)
    largest = np.abs(given).max(initial=0)
    if not np.isfinite(largest) or largest == 0:
        raise InputError(
            "The vector has no direction: every number must be finite, and not all 0. Send it as "
            "POST /v1/embed gives it."
        )
    scaled = given / largest  # first: squares of very large or small numbers are 0 or infinite
    unit: Embeddings = (scaled / np.linalg.norm(scaled)).astype(np.float32)
    return unit


def _query_of(fingerprint: Fingerprint, dimension: int) -> Query:
    """Make a query that knows nothing but one fingerprint."""
    is_pdq = fingerprint.kind is FingerprintKind.PDQ
    bits = np.frombuffer(fingerprint.value, np.uint8)[np.newaxis] if is_pdq else _NO_PDQ
    return Query(
        sha256=fingerprint.value if fingerprint.kind is FingerprintKind.SHA256 else b"",
        md5=fingerprint.value if fingerprint.kind is FingerprintKind.MD5 else b"",
        pieces=Pieces(
            parts=(None,),
            embeddings=np.empty((0, dimension), np.float32),
            pdq=bits,
            pdq_owner=np.zeros(len(bits), np.int64),
        ),
        bias=np.zeros(0, np.float32),
    )


def _compare_all(
    query: Query, fingerprint: Fingerprint, case: Case, min_quality: int
) -> list[Compared]:
    compared = (
        Compared(each, _compare(query, fingerprint, each, min_quality)) for each in case.candidates
    )
    return [each for each in compared if each.comparisons]


def _compare(
    query: Query, fingerprint: Fingerprint, candidate: Candidate, min_quality: int
) -> list[Comparison]:
    if candidate.record is None:
        bare = [entry.fingerprint for entry in candidate.entries if entry and entry.fingerprint]
        return [each for other in bare for each in compare_fingerprint(query, other)]
    if fingerprint.kind is FingerprintKind.PDQ:
        return _compare_pdq(fingerprint, candidate.record, min_quality)
    record = candidate.record
    same_bytes = record.sha256 == query.sha256
    same_md5 = record.md5 == query.md5
    return [Comparison(None, Evidence(same_bytes, None, None, same_md5), {})]


def _compare_pdq(
    fingerprint: Fingerprint, record: ImageRecord, min_quality: int
) -> list[Comparison]:
    """Measure a PDQ against the pieces of a stored image that are not flat."""
    pieces = [(None, record.pdq), *((stored.part, stored.pdq) for stored in record.parts)]
    usable = [(part, pdq.bits) for part, pdq in pieces if pdq.quality >= min_quality]
    if not usable:
        return []
    theirs = np.stack([np.frombuffer(bits, np.uint8) for _, bits in usable])
    ours = np.frombuffer(fingerprint.value, np.uint8)[np.newaxis]
    distances = hamming(ours, theirs)[0]
    closest = int(distances.argmin())
    evidence = Evidence(same_bytes=False, pdq_distance=int(distances[closest]), similarity=None)
    return [Comparison(None, evidence, {Signal.PDQ: usable[closest][0]})]
