"""Piece verification: a candidate by the whole query, and by the piece of it that speaks most.

A photo that fills a tenth of a screenshot has hardly a detail left at the size at which the whole
is compared. Its crop has them all.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from indexer.matching.comparison import Compared
from indexer.matching.geometric_verification import GeometricVerifier
from indexer.matching.query import EncodedQuery
from indexer.types import Part


def verify_pieces(
    verifier: GeometricVerifier,
    query: EncodedQuery,
    compared: Sequence[Compared],
    log_odds: Callable[[Compared], float],
) -> list[Compared]:
    """Verify the likeliest candidates; of two pieces the one with more inliers counts.

    Parameters
    ----------
    verifier : GeometricVerifier
    query : EncodedQuery
        Nothing is verified where its pixels are not known.
    compared, log_odds
        As for `GeometricVerifier.verify`.

    Returns
    -------
    list of Compared
        In the order given.
    """
    if query.pixels is None:
        return list(compared)
    verified = verifier.verify(query.pixels, compared, log_odds)
    of_part: defaultdict[Part, list[int]] = defaultdict(list)
    for row, (before, after) in enumerate(zip(compared, verified, strict=True)):
        part = before.strongest.query_part
        if after is not before and part in query.part_pixels and part:
            of_part[part].append(row)
    for part, rows in of_part.items():
        some = [compared[row] for row in rows]
        again = verifier.verify(query.part_pixels[part], some, log_odds)
        for row, found in zip(rows, again, strict=True):
            if (found.log_odds or 0.0) > (verified[row].log_odds or 0.0):
                verified[row] = replace(found, in_place=verified[row].in_place)
    return verified
