"""Query planner: which searches go through the lists, and how many lists they look into.

Of a filtered search's true neighbours most lie in lists that an unfiltered one would not look into:
a hundredth of the rows lets recall fall to 0.84, measured. So small sets are compared row by row,
and larger ones are looked for in more lists.
"""

from dataclasses import dataclass
from typing import Final

FEW_ROWS: Final = 200_000
"""A set of at most so many rows is compared row by row, ..."""
FEW_SHARE: Final = 0.05
"""... and so is one of a smaller share of all rows."""
MOST_TIMES: Final = 8
"""A filtered search looks into at most so many times the lists of an unfiltered one."""


@dataclass(frozen=True, slots=True)
class ListSettings:
    """How the lists of a view are searched, as measured when they were made."""

    probes: int  # lists that a search looks into (nprobe)
    shortlist: int  # rows of each segment whose exact vectors are compared, for `neighbours`
    neighbours: int  # k of the measurement

    def shortlist_for(self, k: int) -> int:
        """Return how many rows of each segment are compared exactly to find k neighbours."""
        return max(self.shortlist, -(-self.shortlist * k // self.neighbours))


def planned_probes(settings: ListSettings, selected: int | None, rows: int) -> int | None:
    """Return how many lists a search looks into; None to compare all selected rows.

    Parameters
    ----------
    settings : ListSettings
    selected : int or None
        Rows that count; None without a filter.
    rows : int
        All that are live.
    """
    if selected is None or selected == rows:
        return settings.probes
    if selected <= FEW_ROWS or selected < FEW_SHARE * rows:
        return None
    return round(settings.probes * min(rows / selected, MOST_TIMES))
