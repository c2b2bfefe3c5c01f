"""Signal lookup: contents of the block banks within the bounds in force."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from indexer.errors import InputError
from indexer.matching import Matcher
from indexer.matching.judgement import Finding, Judged
from indexer.matching.suppression import Rejections, suppress
from indexer.settings import Settings
from indexer.signals.hashed_picture import HashedPicture
from indexer.signals.registry import signal_types
from indexer.signals.signal_type import Near, Place, SignalType
from indexer.store import Catalog, Store
from indexer.types import BankKind, ContentEntry, Entry, Tier


@dataclass(frozen=True, slots=True)
class SignalMatch:
    """A content that a signal matches."""

    content_id: int
    entry_id: int
    bank: str
    distance: str


@dataclass(frozen=True, slots=True)
class _JudgedEntry:
    """An entry within the bound of its bank, by one type of signal."""

    entry: ContentEntry
    distance: float
    finding: Finding

    def judged(self) -> Judged:
        """Return it as suppression sees it."""
        entry = self.entry
        named = Entry(entry.entry_id, entry.bank, entry.kind, entry.image_id, entry.fingerprint)
        return Judged(None, named, [self.finding])


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
            for name, ratio in catalog.ratios.of_signal_types().items()
            if name in self._types
        }

    def wanted(self, catalog: Catalog, names: Collection[str] = ()) -> list[SignalType[Any]]:
        """Return the types of these names; without any, all but those off or on request.

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
            if (name in names if names else ratios[name] > 0 and not each.on_request)
        ]

    def picture(self, data: bytes) -> HashedPicture:
        """Decode a picture, for signals to be made of it.

        Raises
        ------
        EmptyImage, ImageTooLarge, UnreadableImage
            It is no picture that we can use.
        """
        return HashedPicture(data, self._matcher.classifier.encoder, self._settings)

    def hash(self, picture: HashedPicture, types: Iterable[SignalType[Any]]) -> dict[str, str]:
        """Return the signals of a picture, by type; those that it does not have are left out."""
        values = ((each, each.of_picture(picture)) for each in types)
        return {each.name: each.write(value) for each, value in values if value is not None}

    def compare(
        self, catalog: Catalog, kind: SignalType[Any], left: Any, right: Any
    ) -> tuple[bool, float]:
        """Return whether two values match at the bounds for all banks, and their distance."""
        distance = kind.distance(left, right)
        place = self._place(catalog)
        judgement = place.thresholds.for_bank(None).judge(kind.evidence(distance, place))
        return judgement.tier is not Tier.NONE, kind.number(distance)

    def look_up(
        self,
        catalog: Catalog,
        values: Mapping[str, Any],
        *,
        at_least: float = 0.0,
        banks: Collection[str] | None = None,
        sha256: bytes | None = None,
    ) -> dict[str, list[SignalMatch]]:
        """Find what signals of one thing match and nothing suppresses, by type, nearest first.

        A bank takes part if its ratio is at least the coin flip. What suppresses a match is said by
        `indexer.matching.suppression.suppress`, as for every search; what one type of signal finds
        in an allow bank suppresses what another finds, too.

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
            Of the picture that is asked about. Without it nothing is known of its bytes, so no
            decision is about them.
        """
        at = datetime.now(UTC)
        found = [
            (name, each)
            for name, value in values.items()
            for each in self._near(catalog, name, value)
            if _counts(each.entry, at)
        ]
        rejections = Rejections.of(catalog.decisions.for_query(sha256) if sha256 else ())
        ruled = suppress([each.judged() for _, each in found], rejections)
        standing: dict[str, list[_JudgedEntry]] = {name: [] for name in values}
        for (name, each), (*_, suppression) in zip(found, ruled, strict=True):
            if suppression is None and each.entry.ratio >= at_least:
                standing[name].append(each)
        return {
            name: _best(entries, self._types[name], banks) for name, entries in standing.items()
        }

    def look_up_raw(
        self, catalog: Catalog, name: str, value: Any, banks: Collection[str] | None = None
    ) -> list[SignalMatch]:
        """Find what a signal of a type matches, nearest first, disabled or not, suppressed or not.

        Parameters
        ----------
        catalog : Catalog
        name : str
        value : ValueT or None
        banks : collection of str, optional
            Only these; those that do not exist match nothing.
        """
        return _best(self._near(catalog, name, value), self._types[name], banks)

    def _place(self, catalog: Catalog) -> Place:
        return Place(catalog, self._matcher.views, self._matcher.thresholds(catalog))

    def _near(self, catalog: Catalog, name: str, value: Any) -> list[_JudgedEntry]:
        """Return the entries within the bounds of their banks, those of allow banks too."""
        if value is None:
            return []
        kind, place = self._types[name], self._place(catalog)
        found: Near = kind.near(value, place)
        near = []
        for entry in catalog.contents.entries(found.images.keys(), found.entries.keys()):
            distance = min(
                distances[key]
                for distances, key in (
                    (found.images, entry.image_id),
                    (found.entries, entry.entry_id),
                )
                if key is not None and key in distances
            )
            evidence = kind.evidence(distance, place)
            judgement = place.thresholds.for_bank(entry.bank).judge(evidence)
            if judgement.tier is not Tier.NONE:
                near.append(_JudgedEntry(entry, distance, Finding.of_signal(evidence, judgement)))
        return near


def _counts(entry: ContentEntry, at: datetime) -> bool:
    """Return whether an entry is enabled, and its bank if that is an allow bank.

    Whether a block bank takes part is for the coin to say, which may be bypassed.
    """
    return entry.enabled(at) and (entry.kind is BankKind.BLOCK or entry.ratio > 0)


def _best(
    near: Iterable[_JudgedEntry], kind: SignalType[Any], banks: Collection[str] | None
) -> list[SignalMatch]:
    """Return each content of the block banks once, nearest first."""
    nearest: dict[int, _JudgedEntry] = {}
    for each in sorted(near, key=lambda each: (each.distance, each.entry.entry_id)):
        entry = each.entry
        if entry.kind is BankKind.BLOCK and (banks is None or entry.bank in banks):
            nearest.setdefault(entry.content_id, each)
    return [
        SignalMatch(content_id, each.entry.entry_id, each.entry.bank, kind.show(each.distance))
        for content_id, each in nearest.items()
    ]
