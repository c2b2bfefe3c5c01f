"""Variant choice: the few edited copies that let an entry match the most of what it misses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.hardening.edited_copies import CopyMaker, EditedCopy
from indexer.matching.comparison import compare_images
from indexer.thresholds import Thresholds
from indexer.types import (
    Evidence,
    ImageRecord,
    LogOdds,
    NewPart,
    Part,
    PartKind,
    SpaceTraits,
    Tier,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was made of one picture."""

    variants: tuple[NewPart, ...]
    """Those to be stored, the most useful first."""
    tried: int
    """Edited copies that were made."""
    missed: int
    """Of them: those that the entry did not match."""
    still_missed: int
    """Of these: those that it does not match with the variants either."""


class VariantChooser:
    """Edits pictures and chooses variants; safe to use from several threads.

    Parameters
    ----------
    maker : CopyMaker
    traits : SpaceTraits
        What comes with the model to measure similarities by.
    thresholds : Thresholds
        The bounds of the bank.
    entries : int
        Entries that a query is compared with.
    min_quality : int
        As for `CopyMaker`.
    budget : int
        Most variants of an entry.
    """

    def __init__(
        self,
        maker: CopyMaker,
        traits: SpaceTraits,
        thresholds: Thresholds,
        *,
        entries: int,
        min_quality: int,
        budget: int,
    ) -> None:
        self._maker = maker
        self._traits = traits
        self._thresholds = thresholds
        self._entries = entries
        self._min_quality = min_quality
        self._budget = budget

    def choose(self, record: ImageRecord, picture: Image.Image) -> Choice:
        """Edit the picture of an entry and choose what to store.

        Greedy: each variant is the copy that matches the most of those still missed; among equals
        the one that is least like the entry. An edit that cannot be made of the picture is left
        out.

        Parameters
        ----------
        record : ImageRecord
            The entry's image with its embedding and parts; variants among them do not count.
        picture : Image
            RGB.
        """
        parts = tuple(p for p in record.parts if p.part.kind is not PartKind.VARIANT)
        original = replace(record, parts=parts)
        copies = self._maker.copies(picture)
        evidence = [self._compare(each, [original])[0] for each in copies]
        missed = [row for row, each in enumerate(evidence) if not self._matches(each)]
        chosen, left = self._cover(
            original,
            [copies[row] for row in missed],
            [-inf if (odds := evidence[row].log_odds) is None else odds for row in missed],
        )
        variants = (
            NewPart(
                Part(PartKind.VARIANT, number, None, each.recipe),
                each.pdq,
                each.stored,
                each.encoding.probabilities,
            )
            for number, each in enumerate(chosen, 1)
        )
        return Choice(tuple(variants), len(copies), len(missed), left)

    def _compare(self, copy: EditedCopy, records: Sequence[ImageRecord]) -> list[Evidence]:
        """Measure stored images against a copy, as against a picture that is asked about."""
        fusion = self._traits.fusion
        count = copy.query.comparisons(self._entries)
        compared = compare_images(copy.query, records, self._min_quality, fusion)
        return [comparison.evidence.among(count) for (comparison,) in compared]

    def _matches(self, evidence: Evidence) -> bool:
        return self._thresholds.judge(evidence).tier is not Tier.NONE

    def _cover(
        self, original: ImageRecord, missed: Sequence[EditedCopy], log_odds: Sequence[float]
    ) -> tuple[list[EditedCopy], int]:
        """Choose copies that, once stored, match the most; return also how many stay missed."""
        stored = [
            replace(original, pdq=each.pdq, embedding=each.stored, parts=()) for each in missed
        ]
        found = np.array(
            [[self._matches(each) for each in self._compare(copy, stored)] for copy in missed],
            np.bool_,
        ).reshape(len(missed), len(missed))
        rows, left = cover(found, np.array(log_odds), self._budget)
        return [missed[row] for row in rows], left


def cover(found: NDArray[np.bool_], log_odds: LogOdds, most: int) -> tuple[list[int], int]:
    """Choose columns greedily until every row is true in one of them, or no more can be.

    The greedy choice covers at least 1 - 1/e of what the best choice of as many covers (Nemhauser,
    Wolsey and Fisher 1978).

    Parameters
    ----------
    found : ndarray of shape (n, n), bool
        Whether row i is found by column j.
    log_odds : ndarray of shape (n,), float
        Of columns that cover equally many, the one with the least comes first.
    most : int
        Most columns chosen.

    Returns
    -------
    list of int
        Columns, in the order in which they were chosen.
    int
        Rows that stay uncovered.
    """
    left = np.ones(len(found), np.bool_)
    chosen: list[int] = []
    while left.any() and len(chosen) < most:
        gains = found[left].sum(axis=0)
        best = int(np.lexsort((log_odds, -gains))[0])
        if not gains[best]:
            break
        chosen.append(best)
        left &= ~found[:, best]
    return chosen, int(left.sum())
