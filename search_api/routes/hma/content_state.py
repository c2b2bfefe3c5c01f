"""A content of a bank, as HMA describes it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from indexer.store import FOR_GOOD
from indexer.types import Content
from search_api.routes.hma.banks import Bank
from search_api.routes.hma.content_request import MetadataState
from search_api.routes.hma.messages import refuse

_DISABLED: Final = 0
_ENABLED: Final = 1
_LONGEST: Final = timedelta(days=5 * 365)


class ContentState(BaseModel):
    """A content as it is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    """The content."""
    disable_until_ts: int
    """0 disabled, 1 enabled; else in unix seconds, and enabled once that is past."""
    original_media_uri: str | None
    """The URL that it was fetched from."""
    bank: Bank
    """Its bank."""
    collab_metadata: dict[str, list[str]]
    """By list that it came from: what the list calls it; `LIST.labels` has the list's labels."""
    signals: dict[str, str] | None = None
    """By type; only if asked for."""
    metadata: MetadataState | None = None
    """What was said of it, and in `collab` the same as `collab_metadata`; only if there is any."""
    note: str | None = None
    """Only if there is one."""


def state_of(content: Content) -> ContentState:
    """Describe a content, without its signals and what was said of it."""
    state = ContentState(
        id=content.id,
        disable_until_ts=_timestamp(content.disabled_until),
        original_media_uri=content.uri,
        bank=Bank(name=content.bank, matching_enabled_ratio=content.ratio),
        collab_metadata=_collab(content),
    )
    if content.note is not None:
        state.note = content.note
    return state


def metadata_of(content: Content) -> dict[str, Any]:
    """Return what is known of a content; empty if nothing is."""
    said = content.metadata
    known = {
        "content_id": said.content_id,
        "content_uri": said.content_uri,
        "json": said.json,
        "collab": _collab(content) or None,
    }
    return {key: value for key, value in known.items() if value is not None}


def _collab(content: Content) -> dict[str, list[str]]:
    """Return what lists call a content, by list, and how they label it."""
    known: defaultdict[str, list[str]] = defaultdict(list)
    for origin in content.origins:
        said = {origin.source: [origin.external_id], f"{origin.source}.labels": origin.labels}
        for key, values in said.items():
            known[key] += [each for each in values if each and each not in known[key]]
    return {key: values for key, values in known.items() if values}


def moment_of(timestamp: int) -> datetime | None:
    """Return until when a content is to be disabled; None if it is to be enabled."""
    if timestamp == _ENABLED:
        return None
    if timestamp == _DISABLED:
        return FOR_GOOD
    if timestamp < 0:
        raise refuse("disable_until_ts must be a non-negative integer")
    if timestamp > (datetime.now(UTC) + _LONGEST).timestamp():
        raise refuse("disable_until_ts must be less than 5 years in the future")
    return datetime.fromtimestamp(timestamp, UTC)


def _timestamp(until: datetime | None) -> int:
    if until is None:
        return _ENABLED
    return _DISABLED if until == FOR_GOOD else int(until.timestamp())
