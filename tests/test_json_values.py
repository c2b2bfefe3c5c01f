"""JSON is counted before anything is made of it."""

import json
from time import process_time
from typing import Any

import pytest

from search_api.middleware.body_limit import MOST_TEXT
from search_api.middleware.json_values import has_more_values

LONG = ",[{" * 1000


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ([0] * 100, 100),  # 99 commas and a bracket
        ({str(n): n for n in range(100)}, 100),
        ([[1, 2], {"a": []}], 6),
        ({"text": LONG, LONG: 'a"\\' + LONG}, 2),
        ("\\", 0),
        ('"' + LONG, 0),
    ],
)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_values_are_counted_and_not_what_is_in_strings(
    value: Any,
    count: int,
    is_ascii: bool,
) -> None:
    text = json.dumps([value, "ü"], ensure_ascii=is_ascii).encode()

    assert has_more_values(text, count + 1)
    assert not has_more_values(text, count + 2)


@pytest.mark.parametrize(
    "text",
    [
        b"{" + b",".join(b'"name%d":1' % n for n in range(380_000)) + b"}",
        b'""' * (MOST_TEXT // 2) + b"," * 3000,
        b'"' + b"\\" * MOST_TEXT + b"," * 3000,
        json.dumps([1] * 3000).encode("utf-16"),
    ],
    ids=["names", "strings", "escapes", "utf-16"],
)
def test_nothing_takes_long_to_count(text: bytes) -> None:
    begun = process_time()
    has_more_values(text, 2000)
    assert process_time() - begun < 0.5
    assert has_more_values(text, 2000) or text.startswith(b'"\\')
