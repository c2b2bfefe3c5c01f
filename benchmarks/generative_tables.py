"""Scores and tables of generative.md."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.evaluation import BenchmarkQuery, Pair, Rate, score
from indexer.generation.styles import STYLES
from indexer.hardening.edit_directions import without_direction
from indexer.hardening.edited_copies import EditedCopy
from indexer.hardening.variant_choice import cover
from indexer.matching.pieces import stored_pieces
from indexer.settings import load_settings
from indexer.thresholds import choose_thresholds
from indexer.types import ImageRecord, SpaceTraits, cost_of, count_comparisons, query_bias

K = 10  # pairs of a query that count
BUDGET = 4  # variants of an entry
ORIENTATIONS = 8
BITS = 256
PDQ_BOUND = 31  # bits
UNMEASURED = 257  # bits
TRIED = frozenset(f"style:{name}@1" for name in STYLES[0::2])
METHOD = """\
{references:,} references of DEV are a block bank; {photos} photos among them are edited, {copies}
copies each. They are hardened against {tried} styles at full strength, at most {budget}
variants each; {variants:.1f} were stored on average, and {none} photos needed none. *Tried* are
copies in these very styles, *held out* those in the other 13: nothing in the bank was made in them.

A query is the whole picture alone, reduced to 352 pixels, and nothing is verified: crops and local
features are not asked about. Ten pairs a query count. muAP of a row is over its copies and
{strangers} queries without a reference.

Limits of DEV: near-duplicates were removed from its pool with PDQ (up to 80 bits) and pHash, so
false matches of PDQ are optimistic; its subjects are narrow.
"""


@dataclass(frozen=True, slots=True)
class Copies:
    """Edited copies of one picture."""

    recipes: NDArray[np.str_]
    embeddings: NDArray[np.float32]  # (n, d)
    pdq: NDArray[np.uint8]  # (n, 8, 32)
    flat: NDArray[np.bool_]  # whether a copy is too flat to be compared by PDQ

    @classmethod
    def of(cls, copies: Sequence[EditedCopy]) -> Self:
        """Put copies together."""
        none = np.zeros((ORIENTATIONS, BITS // 8), np.uint8)
        pdq = [each.query.pieces.pdq if len(each.query.pieces.pdq) else none for each in copies]
        return cls(
            np.array([each.recipe for each in copies]),
            np.array([each.encoding.embeddings for each in copies]),
            np.array(pdq),
            np.array([not len(each.query.pieces.pdq) for each in copies]),
        )

    def some(self, rows: NDArray[np.int64]) -> Self:
        """Return some of them."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self.__slots__})

    def save(self, file: Path) -> None:
        """Write them, wholly or not at all."""
        partial = file.with_suffix(".partial.npz")
        np.savez(partial, **{name: getattr(self, name) for name in self.__slots__})
        partial.replace(file)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(file) as kept:
            return cls(**kept)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored: a row for each piece of an image or variant."""

    owners: NDArray[np.int64]  # (n,): which image
    embeddings: NDArray[np.float32]  # (n, d)
    signs: NDArray[np.float32]  # (n, 256): PDQ as -1 and 1; 0 of what is too flat

    @classmethod
    def of_records(cls, records: Sequence[ImageRecord], min_quality: int) -> Self:
        """Take all pieces of stored images."""
        pieces = [
            (number, bits, embedding)
            for number, record in enumerate(records)
            for _, bits, embedding in stored_pieces(record, min_quality)
        ]
        owners, bits, embeddings = zip(*pieces, strict=True)
        signs = [_signs(each[0]) if len(each) else np.zeros(BITS, np.float32) for each in bits]
        return cls(np.array(owners), np.array(embeddings), np.array(signs))


class Bank:
    """The references, and what queries score with them.

    Parameters
    ----------
    stored : Stored
        Of the references.
    count : int
        How many references there are.
    traits : SpaceTraits
    """

    def __init__(self, stored: Stored, count: int, traits: SpaceTraits) -> None:
        bounds = choose_thresholds(load_settings(), fusion=traits.fusion).for_bank(None)
        self._least, self._most = bounds.lookalike.value, bounds.pdq.value
        self._stored, self._traits, self.count = stored, traits, count
        self._cost = cost_of(count_comparisons(count, 1, ORIENTATIONS))

    def compare(self, copies: Copies, stored: Stored | None = None) -> dict[str, NDArray[Any]]:
        """Return cosine, bits and log-odds of copies with each piece, and whether they match."""
        stored = stored or self._stored
        fusion = self._traits.fusion
        cosines = np.clip(copies.embeddings @ stored.embeddings.T, -1, 1)
        signs = _signs(copies.pdq).reshape(-1, BITS)
        agreement = (signs @ stored.signs.T).reshape(len(cosines), ORIENTATIONS, -1).max(axis=1)
        bits = ((BITS - agreement) / 2).astype(np.int64)
        bits[copies.flat] = UNMEASURED
        bits[:, ~stored.signs.any(axis=1)] = UNMEASURED
        bias = query_bias(copies.embeddings, self._traits.background, fusion.bias)
        of_embedding, of_pdq, prior = fusion.shares(cosines - bias[:, np.newaxis], bits)
        odds = of_embedding + of_pdq + np.float32(prior) - np.float32(self._cost)
        matched = (odds >= self._least) | (bits <= self._most)
        return {"embedding": cosines, "PDQ": -bits, "fused": odds, "matched": matched}

    def by_image(self, copies: Copies) -> dict[str, NDArray[Any]]:
        """Return the best of each image's pieces: (copies, images)."""
        return {
            name: _best(values, self._stored.owners, self.count)
            for name, values in self.compare(copies).items()
        }

    def variants(
        self, copies: Copies, own: int, directions: Mapping[str, NDArray[np.float32]]
    ) -> Stored:
        """Choose the variants of an image, as `bank harden` does.

        Parameters
        ----------
        copies : Copies
            Of the image.
        own : int
            Its number.
        directions : mapping of str to ndarray of shape (d,)
            Of the edits, by recipe.
        """
        tried = np.array([recipe in TRIED for recipe in copies.recipes])
        found = self.compare(copies)
        mine = self._stored.owners == own
        missed = np.flatnonzero(tried & ~found["matched"][:, mine].any(axis=1))
        every = _stored(copies, missed, own, directions)
        chosen, _ = cover(
            self.compare(copies, every)["matched"][missed],
            found["fused"][missed][:, mine].max(axis=1),
            BUDGET,
        )
        return Stored(every.owners[chosen], every.embeddings[chosen], every.signs[chosen])


@dataclass(frozen=True, slots=True)
class _Asked:
    """Queries of one kind, and the scores of each with every image, before and after hardening."""

    own: NDArray[np.int64]  # (n,): the image that each is a copy of; -1 of a stranger
    before: dict[str, NDArray[Any]]  # (n, images) each
    after: dict[str, NDArray[Any]]

    def rows(self, which: NDArray[np.bool_]) -> "_Asked":
        """Return some of the queries."""
        return _Asked(
            self.own[which],
            {name: values[which] for name, values in self.before.items()},
            {name: values[which] for name, values in self.after.items()},
        )


def report(
    bank: Bank,
    photos: Mapping[int, Copies],
    strangers: Sequence[Copies],
    directions: Mapping[str, NDArray[np.float32]],
) -> Iterator[str]:
    """Yield all tables, with what is to be known of them.

    Parameters
    ----------
    bank : Bank
    photos : mapping of int to Copies
        Of the photos that are edited, by their number among the references.
    strangers : sequence of Copies
        Pictures without a reference, unedited.
    directions : mapping of str to ndarray of shape (d,)
        Of the edits, by recipe.
    """
    variants = [bank.variants(copies, own, directions) for own, copies in photos.items()]
    counts = [len(each.owners) for each in variants]
    hardened = _concatenated(variants)
    asked = [_ask(bank, hardened, copies, own) for own, copies in photos.items()]
    recipes = np.concatenate([copies.recipes for copies in photos.values()])
    copies_of = _joined(asked)
    unknown = _joined([_ask(bank, hardened, copies, -1) for copies in strangers])
    yield METHOD.format(
        references=bank.count,
        photos=len(photos),
        copies=round(len(recipes) / len(photos)),
        tried=len(TRIED),
        budget=BUDGET,
        variants=np.mean(counts),
        none=counts.count(0),
        strangers=len(unknown.own),
    )
    groups = {
        name: copies_of.rows(np.array([wanted(recipe) for recipe in recipes]))
        for name, wanted in GROUPS.items()
    }
    yield "## Recall@1 / muAP\n"
    yield "| copies | n | PDQ | embedding | fused | fused, hardened |"
    yield "|---|---|---|---|---|---|"
    for name, group in groups.items():
        cells = [_ranked(group, unknown, way) for way in ("PDQ", "embedding", "fused", "hardened")]
        yield f"| {name} | {len(group.own)} | {' | '.join(cells)} |"
    yield "\n## At the bounds in force\n"
    yield (
        "Shares with 95 % intervals (Clopper and Pearson). A *styled stranger* is a copy asked of "
        "the bank without its own photo; the others of the bank are hardened or not.\n"
    )
    yield "| queries | n | PDQ alone, 31 bits | fused | fused, hardened |"
    yield "|---|---|---|---|---|"
    for name, group in groups.items():
        yield f"| {name}: matched | {len(group.own)} | {_matched(group, own=True)} |"
    yield f"| strangers: falsely matched | {len(unknown.own)} | {_matched(unknown, own=False)} |"
    for name, group in groups.items():
        yield (
            f"| styled strangers, {name}: falsely matched | {len(group.own)} | "
            f"{_matched(group, own=False)} |"
        )
    yield from direction_table(bank, photos, directions)


def direction_table(
    bank: Bank, photos: Mapping[int, Copies], directions: Mapping[str, NDArray[np.float32]]
) -> Iterator[str]:
    """Yield which copies in one style match stored ones, of the same photo and of others."""
    yield "\n## Why the direction of an edit is taken out\n"
    yield (
        "Copies in one style at full strength, compared with stored copies in that style: the "
        "share of pairs that match, of one photo and of different ones.\n"
    )
    yield "| stored | pairs of one photo | pairs of different photos |"
    yield "|---|---|---|"
    recipes = [f"style:{name}@1" for name in STYLES]
    for name, known in (("as it is", {}), ("without the direction", directions)):
        same, different = [], []
        for recipe in recipes:
            own = {
                number: (copies, np.flatnonzero(copies.recipes == recipe))
                for number, copies in photos.items()
            }
            stored = _concatenated([_stored(c, rows, n, known) for n, (c, rows) in own.items()])
            for number, (copies, rows) in own.items():
                matched = bank.compare(copies.some(rows), stored)["matched"]
                same += matched[:, stored.owners == number].ravel().tolist()
                different += matched[:, stored.owners != number].ravel().tolist()
        yield f"| {name} | {np.mean(same):.3f} | {np.mean(different):.4f} |"


def _stored(
    copies: Copies,
    rows: NDArray[np.int64],
    own: int,
    directions: Mapping[str, NDArray[np.float32]],
) -> Stored:
    """Return some copies as variants of an image, without those directions that are given."""
    none = np.zeros(copies.embeddings.shape[1], np.float32)
    embeddings = [
        without_direction(copies.embeddings[row], directions.get(str(copies.recipes[row]), none))
        for row in rows
    ]
    return Stored(
        np.full(len(rows), own),
        np.array(embeddings, np.float32).reshape(len(rows), len(none)),
        _signs(copies.pdq[rows, 0]),
    )


def _concatenated(stored: Sequence[Stored]) -> Stored:
    return Stored(
        np.concatenate([each.owners for each in stored]),
        np.concatenate([each.embeddings for each in stored]),
        np.concatenate([each.signs for each in stored]),
    )


GROUPS: Mapping[str, Callable[[str], bool]] = {
    "style, full, tried": lambda recipe: recipe in TRIED,
    "style, full, held out": lambda recipe: (
        recipe.startswith("style:") and recipe.endswith("@1") and recipe not in TRIED
    ),
    "style, half, tried at full": lambda recipe: (
        recipe.endswith("@0.5") and recipe.replace("@0.5", "@1") in TRIED
    ),
    "style, half, held out": lambda recipe: (
        recipe.startswith("style:")
        and recipe.endswith("@0.5")
        and recipe.replace("@0.5", "@1") not in TRIED
    ),
    "a third of each side removed": lambda recipe: (
        recipe.startswith("inpaint:") and recipe.endswith("@0.5")
    ),
    "two thirds of each side removed": lambda recipe: (
        recipe.startswith("inpaint:") and recipe.endswith("@1")
    ),
}


def _ask(bank: Bank, hardened: Stored, copies: Copies, own: int) -> _Asked:
    before = bank.by_image(copies)
    with_variants = bank.compare(copies, hardened)
    after = {
        name: np.maximum(values, _best(with_variants[name], hardened.owners, bank.count))
        for name, values in before.items()
    }
    return _Asked(np.full(len(copies.recipes), own), before, after)


def _joined(asked: Sequence[_Asked]) -> _Asked:
    names = asked[0].before
    return _Asked(
        np.concatenate([each.own for each in asked]),
        {name: np.concatenate([each.before[name] for each in asked]) for name in names},
        {name: np.concatenate([each.after[name] for each in asked]) for name in names},
    )


def _ranked(group: _Asked, unknown: _Asked, way: str) -> str:
    cases, ranked = [], []
    for kind, each in (("copy", group), ("stranger", unknown)):
        scores = each.after["fused"] if way == "hardened" else each.before[way]
        for row, own in enumerate(each.own.tolist()):
            query = f"{kind} {row}"
            cases.append(BenchmarkQuery(query, str(own) if own >= 0 else None, kind))
            best = np.argpartition(-scores[row], K)[:K]
            ranked += [Pair(query, str(image), float(scores[row, image])) for image in best]
    found = score(cases, ranked).overall
    return f"{found.recall_at_1:.3f} / {found.mu_ap:.3f}"


def _matched(group: _Asked, *, own: bool) -> str:
    rows = np.arange(len(group.own))
    states = (group.before["PDQ"] >= -PDQ_BOUND, group.before["matched"], group.after["matched"])
    rates = []
    for matched in states:
        mine = matched[rows, group.own] & (group.own >= 0)
        others = matched.sum(axis=1) - mine > 0
        rates.append(Rate.of(int((mine if own else others).sum()), len(rows)))
    return " | ".join(f"{each.share:.3f} ({each.low:.3f} to {each.high:.3f})" for each in rates)


def _best(values: NDArray[Any], owners: NDArray[np.int64], count: int) -> NDArray[Any]:
    """Return the greatest value of each image's pieces, (n, images); the least of all for none."""
    least: Any = False if values.dtype == np.bool_ else -np.inf
    found = np.full((len(values), count), least, np.bool_ if least is False else np.float64)
    np.maximum.at(found, (slice(None), owners), values)
    return found


def _signs(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return packed bits (..., 32) as -1 and 1, (..., 256)."""
    return np.unpackbits(bits, axis=-1).astype(np.float32) * 2 - 1
