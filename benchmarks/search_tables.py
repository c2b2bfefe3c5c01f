"""Tables of what search.py measured."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, Final

import numpy as np

from search_vectors import SHARES, TAGS

_NONE: Final = "-"


def print_tables(results: Mapping[str, Any]) -> None:
    """Print three tables for each set and size: search, filters, ranges."""
    sets = sorted({tuple(key.split("/")[:2]) for key in results}, key=lambda s: (s[0], int(s[1])))
    for name, count in sets:
        records = {
            key.split("/")[2]: record
            for key, record in results.items()
            if key.startswith(f"{name}/{count}/")
        }
        print(f"\n**{name}, {int(count):,} vectors**\n")
        _print(*_search_table(records, int(count)))
        _print(*_filter_table(records))
        _print(*_range_table(records))


def _print(head: str, rows: Iterable[str]) -> None:
    print(head)
    print("|---" * (head.count("|") - 1) + "|")
    for row in rows:
        print(row)
    print()


def _search_table(records: Mapping[str, Any], count: int) -> tuple[str, list[str]]:
    head = "| contestant | build, s | open, s | memory, B/vector | disk, B/vector |"
    for target in ("0.95", "0.99"):
        head += f" ≥ {target}: parameter, recall | queries/s | p99, ms | processor, ms |"
    rows = []
    for name, record in records.items():
        built = record["built"]
        row = f"| {name} | {built['seconds']:.0f} | {record['opened']['open']:.1f} "
        row += f"| {record['memory'] / count:,.0f} | {built['disk'] / count:,.0f} |"
        for target in ("0.95", "0.99"):
            effort, recall = record["efforts"].get(target, (None, 0))
            if effort is None:
                best = record["efforts"]["best"]
                row += f" not reached: {best[1]:.3f} at {best[0]} | {_NONE} | {_NONE} | {_NONE} |"
            else:
                turns = _turns(record, "all", effort)
                row += f" {effort or _NONE}, {recall:.3f} | {_speed(turns)} |"
        rows.append(row)
    return head, rows


def _filter_table(records: Mapping[str, Any]) -> tuple[str, list[str]]:
    head = "| contestant, parameter of 0.95 |"
    head += "".join(f" {share} %: recall | queries/s |" for share in SHARES)
    rows = []
    for name, record in records.items():
        asked = [each for each in record["asked"] if each["what"] == "tagged"]
        if asked:
            by_share = {each["below"] * 100 // TAGS: each["turns"] for each in asked}
            cells = (
                f" {_recall(by_share[s]):.3f} | {_figure(_rate(by_share[s]))} |" for s in SHARES
            )
            rows.append(f"| {name} |" + "".join(cells))
    return head, rows


def _range_table(records: Mapping[str, Any]) -> tuple[str, list[str]]:
    head = "| contestant, parameter of 0.95 | recall of all in range | queries/s | p99, ms |"
    rows = []
    for name, record in records.items():
        for each in record["asked"]:
            if each["what"] == "range":
                turns = each["turns"]
                speeds = f"{_figure(_rate(turns))} | {_percentile(turns):.2f}"
                rows.append(f"| {name} | {_recall(turns):.3f} | {speeds} |")
    return head, rows


def _turns(record: Mapping[str, Any], what: str, effort: int) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = next(
        each["turns"]
        for each in record["asked"]
        if each["what"] == what and each["effort"] == effort
    )
    return turns


def _speed(turns: list[dict[str, Any]]) -> str:
    asked = sum(len(turn["seconds"]) for turn in turns)
    processor = 1000 * sum(turn["processor"] for turn in turns) / asked
    return f"{_figure(_rate(turns))} | {_percentile(turns):.2f} | {processor:.2f}"


def _figure(value: float) -> str:
    """Write three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three of them


def _rate(turns: list[dict[str, Any]]) -> float:
    """Return queries a second, the median of the turns."""
    return median(len(turn["seconds"]) / sum(turn["seconds"]) for turn in turns)


def _percentile(turns: list[dict[str, Any]]) -> float:
    """Return milliseconds that 99 of 100 queries took at most."""
    return float(1000 * np.percentile([s for turn in turns for s in turn["seconds"]], 99))


def _recall(turns: list[dict[str, Any]]) -> float:
    return float(sum(turn["found"] for turn in turns) / sum(turn["there"] for turn in turns))
