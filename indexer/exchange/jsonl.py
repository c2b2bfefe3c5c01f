"""JSON Lines lists: one object per line."""

import json
from collections.abc import Iterator

from indexer.exchange.items import BadRow, Item, ReadOptions
from indexer.exchange.list_rows import items_of
from indexer.exchange.list_streams import ListStream


def read_json_lines(stream: ListStream, options: ReadOptions) -> Iterator[Item]:
    """Read an object from each line; its names count without regard to case."""
    for number, line in stream.lines():
        if line is None:
            yield BadRow(options.at(number), "the line is too long")
        elif line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRow(options.at(number), f"the line is no JSON ({error})")
                continue
            if isinstance(row, dict):
                columns = {name.strip().lower(): value for name, value in row.items()}
                yield from items_of(columns, options.at(number), options)
            else:
                yield BadRow(options.at(number), "the line holds no JSON object")
