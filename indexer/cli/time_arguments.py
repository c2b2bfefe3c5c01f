"""Time arguments: a date, a day's name, or a distance from now."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from indexer.errors import InputError

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(rf"(\d{{1,6}}) ?([{''.join(_UNITS)}])")
_DAYS: Final = {  # each stands for its midnight, in local time
    "yesterday": timedelta(days=-1),
    "today": timedelta(),
    "tomorrow": timedelta(days=1),
}


def parse_later(text: str, now: datetime) -> datetime:
    """Read a moment that has not come yet.

    Parameters
    ----------
    text : str
        `90m`, `36h`, `7d`, `2w`; `tomorrow`; or ISO 8601 such as `2027-01-31` or
        `2027-01-31T18:00+01:00`, in local time unless it says another.
    now : datetime
        With its zone.

    Raises
    ------
    InputError
        It is none of these, or not later than now.
    """
    moment = _parse(text, now, ago=False)
    if moment is None:
        raise InputError(
            f"{text!r} is not a valid future time. Write how long from now (90m, 36h, 7d, "
            "2w), tomorrow, or a date in ISO 8601 (2027-01-31, 2027-01-31T18:00)."
        )
    if moment <= now:
        raise InputError(f"{text!r} is not later than now: {moment:%Y-%m-%d %H:%M %Z}.")
    return moment


def parse_earlier(text: str, now: datetime) -> datetime:
    """Read a moment in the past: as `parse_later` does, with durations that count back.

    Besides `7d` it may be written `7d ago`; `today` and `yesterday` are their midnight.

    Raises
    ------
    InputError
        It is no moment.
    """
    moment = _parse(text, now, ago=True)
    if moment is None:
        raise InputError(
            f"{text!r} is not a valid past time. Write how long ago (90m, 36h, 7d, 2w), "
            "today, yesterday, or a date in ISO 8601 (2026-11-01, 2026-11-01T18:00)."
        )
    return moment


def _parse(text: str, now: datetime, *, ago: bool) -> datetime | None:
    """Return the moment; None when the text names none."""
    text = text.strip().lower()
    if text in _DAYS:
        return datetime.combine(now.astimezone().date() + _DAYS[text], time()).astimezone()
    duration = _DURATION.fullmatch(text.removesuffix(" ago") if ago else text)
    try:
        if not duration:
            moment = datetime.fromisoformat(text.upper()).astimezone()
        else:
            length = timedelta(**{_UNITS[duration[2]]: int(duration[1])})
            moment = now - length if ago else now + length
        moment.astimezone(UTC)  # it is stored so, and may lie outside of what years there are
    except (ValueError, OverflowError):
        return None
    return moment
