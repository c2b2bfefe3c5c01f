"""Column types that hold our values alike in SQLite and Postgres."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import DateTime, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always in UTC and aware of it; SQLite itself would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
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

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Escape what cannot be stored."""
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


class Embedding32(TypeDecorator[NDArray[np.float32]]):
    """A vector of shape (d,) float32, stored as 4 d bytes, little-endian."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(
        self,
        value: NDArray[np.float32] | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> Any:
        """Turn into bytes."""
        return None if value is None else value.astype("<f4", copy=False).tobytes()

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> NDArray[np.float32] | None:
        """Turn into an array that its owner may write to."""
        return None if value is None else np.frombuffer(value, "<f4").astype(np.float32)
