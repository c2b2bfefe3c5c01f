"""Shares of classes, places and days among the members of a cluster."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from indexer.reports.report_tree import Count, Day, Hour, Spread

_TOP: Final = 5


def classes_of(labels: Iterable[str | None]) -> tuple[Count, ...]:
    """Count the images of each class, the most frequent first."""
    counted = Counter(label for label in labels if label is not None)
    return tuple(Count(*each) for each in sorted(counted.items(), key=_most_first))


def spread_of(names: Iterable[str | None]) -> Spread:
    """Count the images of each place; those of the less frequent places together."""
    counted = Counter(names)
    unknown = counted.pop(None, 0)
    ordered = sorted(((name, n) for name, n in counted.items() if name), key=_most_first)
    rest = ordered[_TOP:]
    return Spread(
        top=tuple(Count(*each) for each in ordered[:_TOP]),
        others=len(rest),
        images_of_others=sum(images for _, images in rest),
        unknown=unknown,
    )


def days_of(moments: Iterable[datetime]) -> tuple[Day, ...]:
    """Count what was added on each day that something was, in order."""
    counted = Counter(moment.date() for moment in moments)
    return tuple(Day(day, counted[day]) for day in sorted(counted))


def hours_of(moments: Iterable[datetime]) -> tuple[Hour, ...]:
    """Count what was added in each hour that something was, in order."""
    counted = Counter(moment.replace(minute=0, second=0, microsecond=0) for moment in moments)
    return tuple(Hour(hour, counted[hour]) for hour in sorted(counted))


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    name, images = item
    return -images, name
