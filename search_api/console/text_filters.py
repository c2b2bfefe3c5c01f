"""Template filters: numbers, sizes, dates and tiers in words."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from indexer.types import Signal, Tier

TIERS: Final[Mapping[str, str]] = {
    Tier.EXACT: "exact copy",
    Tier.NEAR_DUPLICATE: "near duplicate",
    Tier.LOOKALIKE: "lookalike",
    Tier.NONE: "no match",
}
SIGNALS: Final[Mapping[str, str]] = {
    Signal.SHA256: "same bytes (SHA-256)",
    Signal.MD5: "same bytes (MD5)",
    Signal.PDQ: "PDQ distance",
    Signal.EMBEDDING: "cosine similarity",
    Signal.FUSED: "all signals together",
    Signal.GEOMETRY: "shared details",
    "comparisons": "number of comparisons",
    "prior": "prior",
}
_STEPS: Final = (
    (timedelta(minutes=1), timedelta(seconds=1), "s"),
    (timedelta(hours=1), timedelta(minutes=1), "min"),
    (timedelta(days=2), timedelta(hours=1), "h"),
    (timedelta(days=90), timedelta(days=1), "days"),
)
_KIB: Final = 1024
_ROUND: Final = 10  # from here on a size has no decimals


def now() -> datetime:
    """Return the moment that relative dates are measured from."""
    return datetime.now(UTC)


def number(value: int) -> str:
    """Write a whole number with thousands separators."""
    return f"{value:,}"


def counted(count: int, noun: str) -> str:
    """Write a number with its noun, in the singular where it is one."""
    plural = (
        f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun[-1] in "hs" else f"{noun}s"
    )
    return f"{count:,} {noun if count == 1 else plural}"


def size(count: int) -> str:
    """Write a number of bytes with a unit."""
    amount, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= _KIB and len(units) > 1:
        amount /= _KIB
        units.pop(0)
    digits = 0 if units[0] == "B" or amount >= _ROUND else 1
    return f"{amount:.{digits}f} {units[0]}"


def relative(moment: datetime) -> str:
    """Write how long ago a moment was, or how far ahead it lies."""
    away = now() - moment
    past, gap = away >= timedelta(0), abs(away)
    for below, unit, name in _STEPS:
        if gap < below:
            told = f"{gap // unit} {name}"
            return f"{told} ago" if past else f"in {told}"
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


def absolute(moment: datetime) -> str:
    """Write a moment in UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def percent(share: float) -> str:
    """Write a share, 0 to 1."""
    return f"{100 * share:.1f} %"


def tier(value: str) -> str:
    """Write a tier."""
    return TIERS[value]


def signal(value: str) -> str:
    """Write a signal."""
    return SIGNALS.get(value, value)


def words(value: str) -> str:
    """Write a code as words."""
    return value.replace("_", " ")


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "number": number,
    "counted": counted,
    "size": size,
    "relative": relative,
    "absolute": absolute,
    "percent": percent,
    "tier": tier,
    "signal": signal,
    "words": words,
}
