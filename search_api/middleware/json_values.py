"""Count of the values of a JSON text, without parsing it."""

import re
from typing import Final

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{,]', re.DOTALL)
_STRINGS: Final = 2  # at most, of each value: its name and itself


def has_more_values(text: bytes, most: int) -> bool:
    """Tell whether a JSON text has more than so many values, lists and objects among them.

    Text that is no JSON may count as more: it is read no further than that takes. What is not in
    UTF-8 is counted as if it had no strings.
    """
    if not may_have_more_values(text, most):
        return False
    if b"\0" in text:
        return True
    values = strings = 0
    for token in _TOKEN.finditer(text):
        if token[0][:1] == b'"':
            strings += 1
        else:
            values += 1
        if values > most or strings > _STRINGS * (most + 1):
            return True
    return False


def may_have_more_values(text: bytes, most: int) -> bool:
    """Tell the same at once, counting what is within strings, too."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") > most
