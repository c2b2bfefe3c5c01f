"""Seekable access to streams: compressed archives and remote ones."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO, Final
from weakref import finalize

from indexer.errors import UnreadableSource

_CHUNK: Final = 2**20
_WINDOW: Final = 64  # chunks kept behind the front


class Window:
    """The newest stretch of a stream that only goes forward; safe to use from many threads."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._chunks: deque[bytes] = deque(maxlen=_WINDOW)  # each of _CHUNK bytes, the last shorter
        self._end = 0
        self._fault: Exception | None = None
        self._lock = threading.Lock()

    def read(self, position: int, size: int) -> bytes | None:
        """Read on as far as needed.

        Returns
        -------
        bytes or None
            Fewer than `size` where the stream ends; None when `position` lies before the window.

        Raises
        ------
        Exception
            What the stream raised, once all bytes before the fault are given out.
        """
        data = bytearray()
        while len(data) < size:
            with self._lock:
                piece = self._piece(position + len(data), size - len(data))
            if piece is None:
                return None
            if not piece:
                break
            data += piece
        return bytes(data)

    def recall(self, position: int, size: int) -> bytes | None:
        """Return bytes that lie wholly within the window; None otherwise."""
        with self._lock:
            if not self._start <= position <= position + size <= self._end:
                return None
        return self.read(position, size)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    @property
    def _start(self) -> int:
        return self._end - sum(map(len, self._chunks))

    def _piece(self, position: int, size: int) -> bytes | None:
        while position >= self._end:
            if not self._pull():
                return b""
        if position < self._start:
            return None
        number, at = divmod(position - self._start, _CHUNK)
        return self._chunks[number][at : at + size]

    def _pull(self) -> bool:
        """Add a chunk; keep what came before a fault, and raise that when nothing did."""
        if self._fault is not None:
            raise self._fault
        chunk = bytearray()
        try:
            while len(chunk) < _CHUNK and (piece := self._read(_CHUNK - len(chunk))):
                chunk += piece
        except Exception as error:  # decompressors raise no closed set of types
            self._fault = error
            if not chunk:
                raise
        if chunk:
            self._chunks.append(bytes(chunk))
            self._end += len(chunk)
        return bool(chunk)


class Streamed:
    """A stream read by position: one pass for what is asked for soon, a second one for the rest.

    Whoever lists an archive drives the front with `advance`; those who read what was listed mostly
    find it in the front's window. What has left it is fetched by `again`, or by a second pass that
    follows behind.

    Parameters
    ----------
    name : str
        Of the archive, quoted, for messages.
    open_stream : callable
        Opens the stream at its start.
    again : callable, optional
        Fetches (position, size) directly, where the stream's storage can do that.
    """

    def __init__(
        self,
        name: str,
        open_stream: Callable[[], BinaryIO],
        again: Callable[[int, int], bytes] | None = None,
    ) -> None:
        self._name = name
        self._open = open_stream
        self._again = again
        self._front = self._window()
        self._follower: Window | None = None
        self._lock = threading.Lock()

    def advance(self, position: int, size: int) -> bytes:
        """Read at the front; fewer than `size` bytes come back at the end.

        Raises
        ------
        Exception
            What the stream raised.
        """
        data = self._front.read(position, size)
        if data is None:
            raise ValueError("the archive's parts overlap")
        return data

    def fetch(self, position: int, size: int) -> bytes:
        """Read what the front has passed.

        Raises
        ------
        UnreadableSource
            The stream cannot be read to there a second time.
        """
        data = self._front.recall(position, size)
        if data is not None:
            return data
        if self._again is not None:
            return self._again(position, size)
        try:
            return self._follow(position, size)
        except UnreadableSource:
            raise
        except Exception as error:  # decompressors raise no closed set of types
            raise UnreadableSource(
                f"{self._name} cannot be read a second time ({error}). Run again."
            ) from error

    def _follow(self, position: int, size: int) -> bytes:
        with self._lock:
            if self._follower is not None:
                data = self._follower.read(position, size)
                if data is not None:
                    return data
                self._follower.close()
            self._follower = self._window()
            return self._follower.read(position, size) or b""

    def _window(self) -> Window:
        stream: Any = self._open()
        finalize(self, stream.close)  # when the last member that needs it is gone
        return Window(stream)
