"""Hardening report: what a run did, and what it could not do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from indexer.hardening.entry_pictures import UnreachableEntry
from indexer.hardening.variant_choice import Choice

MOST_LISTED: Final = 1000
"""Unreachable entries that a report lists."""


@dataclass(slots=True)
class HardeningReport:
    """What hardening a bank did, counted as it goes."""

    bank: str
    budget: int
    """Most variants of an entry."""
    edits: int
    """Edits tried on each picture."""
    entries: int = 0
    """Entries looked at."""
    fingerprints: int = 0
    """Of them: bare fingerprints, which no variant can be made of."""
    already: int = 0
    """Of them: entries that had variants already."""
    hardened: int = 0
    """Of them: entries that gained variants."""
    not_needed: int = 0
    """Of them: entries that match all edited copies without any variant."""
    from_thumbnails: int = 0
    """Of those hardened: entries whose thumbnail was edited, since no source was left."""
    unreachable: int = 0
    """Of the entries: those with neither a source nor a thumbnail."""
    variants: int = 0
    """Variants stored."""
    recipes: dict[str, int] = field(default_factory=dict)
    """How often each recipe was chosen, most often first."""
    tried: int = 0
    """Edited copies made."""
    missed: int = 0
    """Of them: those that the entries did not match before."""
    still_missed: int = 0
    """Of these: those that they do not match now either."""
    interrupted: bool = False
    """Whether the run was stopped before its end."""
    seconds: float = field(default=0.0, compare=False)
    """How long the run took, the model already loaded."""
    missing: list[UnreachableEntry] = field(default_factory=list)
    """The first of the unreachable, with the reason."""

    @property
    def done(self) -> int:
        """Entries that need not be looked at again in this run."""
        counted = (self.fingerprints, self.already, self.hardened, self.not_needed)
        return sum(counted) + self.unreachable

    def count(self, choice: Choice, *, from_thumbnail: bool) -> None:
        """Count what was chosen for an entry."""
        self.tried += choice.tried
        self.missed += choice.missed
        self.still_missed += choice.still_missed
        self.variants += len(choice.variants)
        if not choice.variants:
            self.not_needed += 1
            return
        self.hardened += 1
        self.from_thumbnails += from_thumbnail
        self._count_recipes(each.part.recipe or "" for each in choice.variants)

    def miss(self, entry: UnreachableEntry) -> None:
        """Count an entry whose picture is not to be had."""
        self.unreachable += 1
        if len(self.missing) < MOST_LISTED:
            self.missing.append(entry)

    def _count_recipes(self, recipes: Iterable[str]) -> None:
        for recipe in recipes:
            self.recipes[recipe] = self.recipes.get(recipe, 0) + 1
        ordered = sorted(self.recipes.items(), key=lambda item: (-item[1], item[0]))
        self.recipes = dict(ordered)
