"""Looking signals up: which contents of the block banks lie within the bounds in force."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from indexer.errors import InputError
from indexer.matching import Matcher
from indexer.settings import Settings
from indexer.signals.hashed import HashedPicture
from indexer.signals.registry import signal_types
from indexer.signals.signal_type import Near, Place, SignalType
from indexer.store import Catalog, Store
from indexer.types import BankKind, ContentEntry, Outcome, Tier

_RANK = {tier: rank for rank, tier in enumerate(Tier)}  # exact 0 ... none 3


@dataclass(frozen=True, slots=True)
class SignalMatch:
    """A content that a signal matches."""

    content_id: int
    entry_id: int
    bank: str
    distance: str


@dataclass(frozen=True, slots=True)
class _Judged:
    """An entry within the bound of its bank."""

    entry: ContentEntry
    distance: float
    rank: int  # of its tier


class Signals:
    """The signals of one index; safe to use from several threads.

    Parameters
    ----------
    store : Store
    matcher : Matcher
        Whose model, views and bounds are used.
    settings : Settings
    """

    def __init__(self, store: Store, matcher: Matcher, settings: Settings) -> None:
        self._store = store
        self._matcher = matcher
        self._settings = settings
        self._types = signal_types(matcher.space, settings)

    @property
    def types(self) -> Mapping[str, SignalType[Any]]:
        """Every type, also those that are switched off."""
        return self._types

    def ratios(self, catalog: Catalog) -> dict[str, float]:
        """Return the share of each type, 1 unless it was set; 0 is switched off."""
        return dict.fromkeys(self._types, 1.0) | {
            name: ratio
            for name, ratio in catalog.signal_type_ratios().items()
            if name in self._types
        }

    def wanted(self, catalog: Catalog, names: Collection[str] = ()) -> list[SignalType[Any]]:
        """Return the types of these names; all that are not switched off when there are none.

        Raises
        ------
        InputError
            There is no such type, or it is switched off.
        """
        ratios = self.ratios(catalog)
        for name in names:
            if name not in ratios:
                raise InputError(f"No such signal type '{name}'. There are {', '.join(ratios)}.")
            if not ratios[name]:
                raise InputError(f"Signal type '{name}' is not enabled.")
        return [
            each
            for name, each in self._types.items()
            if (name in names if names else ratios[name] > 0)
        ]

    def picture(self, data: bytes) -> HashedPicture:
        """Decode a picture, for signals to be made of it.

        Raises
        ------
        EmptyImage, ImageTooLarge, UnreadableImage
            It is no picture that we can use.
        """
        return HashedPicture(data, self._matcher.encoder, self._settings)

    def hash(self, picture: HashedPicture, types: Iterable[SignalType[Any]]) -> dict[str, str]:
        """Return the signals of a picture, by type; empty text for one that it does not have."""
        signals = {}
        for each in types:
            value = each.of_picture(picture)
            signals[each.name] = "" if value is None else each.write(value)
        return signals

    def compare(
        self, catalog: Catalog, kind: SignalType[Any], left: Any, right: Any
    ) -> tuple[bool, float]:
        """Tell whether two values match at the bounds for all banks, and their distance."""
        distance = kind.distance(left, right)
        bounds = self._matcher.thresholds(catalog).for_bank(None)
        return bounds.judge(kind.evidence(distance)).tier is not Tier.NONE, kind.number(distance)

    def look_up(
        self,
        catalog: Catalog,
        values: Mapping[str, Any],
        *,
        at_least: float = 0.0,
        banks: Collection[str] | None = None,
        sha256: bytes | None = None,
    ) -> dict[str, list[SignalMatch]]:
        """Find what signals of one thing match and nothing excuses, by type, nearest first.

        A bank takes part if its ratio is at least the coin flip. What is no closer than an entry of
        an allow bank is excused, and so is what an analyst rejected for the very bytes of the
        query. A mere lookalike of something benign excuses nothing.

        Parameters
        ----------
        catalog : Catalog
        values : mapping
            By the name of the type, as the type parses them or makes them of a picture; None, for a
            signal that a picture does not have, matches nothing.
        at_least : float
            The coin flip.
        banks : collection of str, optional
            Only these; those that do not exist match nothing.
        sha256 : bytes, optional
            Of the picture that is asked about.
        """
        at = datetime.now(UTC)
        judged = {
            name: [each for each in self._near(catalog, name, value) if each.entry.enabled(at)]
            for name, value in values.items()
        }
        excused_from = _strongest_excuse(each for found in judged.values() for each in found)
        rejected = _rejected(catalog, sha256)

        def stands(each: _Judged) -> bool:
            takes_part = each.entry.ratio >= at_least and each.entry.entry_id not in rejected
            return takes_part and each.rank < excused_from

        return {
            name: _best(filter(stands, found), self._types[name], banks)
            for name, found in judged.items()
        }

    def look_up_raw(
        self, catalog: Catalog, name: str, value: Any, banks: Collection[str] | None = None
    ) -> list[SignalMatch]:
        """Find what a signal of a type matches, nearest first, disabled or not, excused or not.

        Parameters
        ----------
        catalog : Catalog
        name : str
        value : ValueT or None
        banks : collection of str, optional
            Only these; those that do not exist match nothing.
        """
        return _best(self._near(catalog, name, value), self._types[name], banks)

    def _near(self, catalog: Catalog, name: str, value: Any) -> list[_Judged]:
        """Return the entries within the bounds of their banks, those of allow banks too."""
        if value is None:
            return []
        kind, bounds = self._types[name], self._matcher.thresholds(catalog)
        near: Near = kind.near(value, Place(catalog, self._matcher.views, bounds))
        judged = []
        for entry in catalog.content_entries(near.images.keys(), near.entries.keys()):
            distances = [
                found[key]
                for found, key in ((near.images, entry.image_id), (near.entries, entry.entry_id))
                if key is not None and key in found
            ]
            distance = min(distances)
            judgement = bounds.for_bank(entry.bank).judge(kind.evidence(distance))
            if judgement.tier is not Tier.NONE:
                judged.append(_Judged(entry, distance, _RANK[judgement.tier]))
        return judged


def _strongest_excuse(judged: Iterable[_Judged]) -> int:
    """Return the rank of the tier from which on matches are excused."""
    excusing = (
        each.rank
        for each in judged
        if each.entry.kind is BankKind.ALLOW
        and each.entry.ratio > 0
        and each.rank <= _RANK[Tier.NEAR_DUPLICATE]
    )
    return min(excusing, default=len(_RANK))


def _best(
    judged: Iterable[_Judged], kind: SignalType[Any], banks: Collection[str] | None
) -> list[SignalMatch]:
    """Return each content of the block banks once, nearest first."""
    nearest: dict[int, _Judged] = {}
    for each in sorted(judged, key=lambda each: (each.distance, each.entry.entry_id)):
        entry = each.entry
        if entry.kind is BankKind.BLOCK and (banks is None or entry.bank in banks):
            nearest.setdefault(entry.content_id, each)
    return [
        SignalMatch(content_id, each.entry.entry_id, each.entry.bank, kind.show(each.distance))
        for content_id, each in nearest.items()
    ]


def _rejected(catalog: Catalog, sha256: bytes | None) -> set[int]:
    """Return the entries whose match with these very bytes an analyst rejected."""
    if sha256 is None:
        return set()
    return {
        decision.entry_id
        for decision in catalog.decisions_for(sha256)
        if decision.outcome is Outcome.REJECTED and decision.entry_id is not None
    }
