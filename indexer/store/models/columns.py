"""Column types that behave alike in SQLite and Postgres."""

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import JSON, DateTime, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always in UTC and aware of it; SQLite itself would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back to what SQLite returns."""
        if value is None or value.tzinfo is not None:
            return None if value is None else value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class AnyText(TypeDecorator[str]):
    r"""Text of any origin: what UTF-8 or Postgres cannot hold is written as an escape.

    File names may be no valid UTF-8 (Python then carries lone surrogates) and messages may quote
    NUL bytes; they read back as ``\udcff`` and ``\x00``.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what cannot be stored."""
        return None if value is None else storable(value)


class AnyJson(TypeDecorator[dict[str, Any]]):
    """A JSON object of any origin, NULL while it is empty.

    What JSON or Postgres cannot hold is written as what comes nearest: null for a number that is
    not finite, text for a value of another type.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: dict[str, Any] | None,
        dialect: Dialect,
    ) -> dict[str, Any] | None:
        """Make it plain."""
        return plain_json(value) if value else None

    def process_result_value(
        self,
        value: dict[str, Any] | None,
        dialect: Dialect,
    ) -> dict[str, Any]:
        """Give the empty object back."""
        return value or {}


def storable(value: str) -> str:
    """Return a text as `AnyText` stores it and reads it back."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def plain_json(value: Any) -> Any:
    """Return a value as `AnyJson` stores it and reads it back."""
    if isinstance(value, dict):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


class Embedding32(TypeDecorator[NDArray[np.float32]]):
    """A vector of shape (d,) float32, stored as 4 d bytes, little-endian."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(
        self,
        value: NDArray[np.float32] | None,
        dialect: Dialect,
    ) -> Any:
        """Turn into bytes."""
        return None if value is None else value.astype("<f4", copy=False).tobytes()

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,
    ) -> NDArray[np.float32] | None:
        """Turn into an array that its owner may write to."""
        return None if value is None else np.frombuffer(value, "<f4").astype(np.float32)


class Embedding16(TypeDecorator[NDArray[np.float32]]):
    """A unit vector of shape (d,) float32, stored in half precision: 2 d bytes, little-endian."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(
        self,
        value: NDArray[np.float32] | None,
        dialect: Dialect,
    ) -> Any:
        """Turn into bytes."""
        return None if value is None else value.astype("<f2").tobytes()

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,
    ) -> NDArray[np.float32] | None:
        """Turn into an array of length 1 again, which rounding has changed a little."""
        if value is None:
            return None
        rounded = np.frombuffer(value, "<f2").astype(np.float32)
        length = np.linalg.norm(rounded)
        return rounded / length if length else rounded
