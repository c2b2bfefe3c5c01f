"""Moments as people write them: a date, or how long from now or ago."""

import re
from datetime import datetime, timedelta
from typing import Final

from indexer.errors import InputError

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(rf"(\d{{1,6}})([{''.join(_UNITS)}])")


def parse_later(text: str, now: datetime) -> datetime:
    """Read a moment that has not come yet.

    Parameters
    ----------
    text : str
        `90m`, `36h`, `7d`, `2w`; or ISO 8601 such as `2027-01-31` or `2027-01-31T18:00+01:00`, in
        local time unless it says another.
    now : datetime
        With its zone.

    Raises
    ------
    InputError
        It is none of these, or not later than now.
    """
    moment = _parse(text, now, 1)
    if moment <= now:
        raise InputError(f"{text!r} is not later than now: {moment:%Y-%m-%d %H:%M %Z}.")
    return moment


def parse_earlier(text: str, now: datetime) -> datetime:
    """Read a moment in the past: as `parse_later` does, with durations that count back.

    Raises
    ------
    InputError
        It is no moment.
    """
    return _parse(text, now, -1)


def _parse(text: str, now: datetime, direction: int) -> datetime:
    duration = _DURATION.fullmatch(text)
    try:
        if duration:
            return now + direction * timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise InputError(
            f"{text!r} is no moment. Write how long from now (90m, 36h, 7d, 2w) or a date (ISO "
            "8601, such as 2027-01-31T18:00)."
        ) from None
