"""Terminal output, with control characters of untrusted text escaped."""

import re
import sys
from typing import Final

_LINE_ENDS: Final = "\u2028\u2029"
_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNPRINTABLE: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_LINE_ENDS}{_BIDI}\ud800-\udfff\ufeff]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ONE_BYTE: Final = 0xFF


def echo(text: object = "", *, err: bool = False) -> None:
    """Print one line, with whatever is not printable in it escaped, to stdout or stderr."""
    file = sys.stderr if err else sys.stdout
    print(printable(str(text)), file=file, flush=True)


def printable(text: str) -> str:
    r"""Return the text in one line, with nothing in it that commands a terminal.

    Control characters (ESC among them), line ends, marks that set the direction of writing, and
    bytes that are not text are written as escapes: ``\n``, ``\x1b``, ``\u202e``, ``\udcff``.
    """
    return _UNPRINTABLE.sub(_escape, text)


def printable_lines(text: str) -> str:
    """Return a text of several lines, such as a traceback, with each made printable."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    r"""Return a JSON document whose strings have such characters as escapes: ``\u001b``.

    It reads as the same value; the line ends between its fields stay.
    """
    return "\n".join(_UNPRINTABLE.sub(_escape_in_json, line) for line in text.split("\n"))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code <= _ONE_BYTE else f"\\u{code:04x}")


def _escape_in_json(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
