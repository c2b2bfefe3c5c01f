"""Window over a text that is read forward only."""

import codecs
import re
from typing import Final

from indexer.exchange.list_streams import ListStream

LONGEST_RECORD: Final = 2**18
"""Characters; what is longer is no record of a list."""
_CHUNK: Final = 2**20  # bytes


class TextWindow:
    """Text with a place in it; at least `LONGEST_RECORD` characters ahead of it are at hand."""

    def __init__(self, stream: ListStream) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._ended = False
        self.text = ""
        self.at = 0
        self._line = 1  # of the index in `text` up to which lines are counted
        self._counted = 0
        self._fill()

    @property
    def line(self) -> int:
        """Number of the line, from 1, of the place."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    @property
    def at_end(self) -> bool:
        """Whether nothing comes after the place."""
        return self.at == len(self.text)

    def go(self, at: int) -> None:
        """Move forward to an index of `text`; indices change by that."""
        self.at = at
        if len(self.text) - at < LONGEST_RECORD and not self._ended:
            self._fill()

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Move forward to what matches; to the end when nothing does.

        A match of more than `LONGEST_RECORD` characters may be overlooked.
        """
        while (match := pattern.search(self.text, self.at)) is None and not self._ended:
            self.go(max(self.at, len(self.text) - LONGEST_RECORD + 1))
        if match is None:
            self.at = len(self.text)
            return None
        self.go(match.start())
        return pattern.match(self.text, self.at)

    def _fill(self) -> None:
        self._line = self.line
        pieces = [self.text[self.at :]]
        self.at = self._counted = 0
        held = len(pieces[0])
        while held < LONGEST_RECORD + _CHUNK and not self._ended:
            data = self._stream.read(_CHUNK)
            self._ended = not data
            pieces.append(self._decode(data, self._ended))
            held += len(pieces[-1])
        self.text = "".join(pieces)
