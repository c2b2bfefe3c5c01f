"""Page of scale.py, filled into scale_template.md."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from scale_arithmetic import DAY, HOUR, MILLION, QUERIES, Constant, Indexing, Row

_TEMPLATE: Final = Path(__file__).with_name("scale_template.md")


def write_page(
    inputs: Mapping[str, Any],
    constants: Sequence[Constant],
    rows: Sequence[Row],
    indexing: Indexing,
) -> str:
    """Return the page in Markdown."""
    currency: str = inputs["prices"]["currency"]
    sizes = sorted({row.images for row in rows})
    return _TEMPLATE.read_text(encoding="utf-8").format(
        **{name: inputs[name] for name in ("host", "prices", "workers")},
        currency=currency,
        queries=QUERIES,
        rate=indexing.images_a_second,
        per_million=indexing.per_million,
        rows=_table(_ROW_HEADS, (_row(row, currency) for row in rows)),
        growth="\n".join(_growth(rows)),
        notes="\n".join(inputs["notes"]),
        indexing=_table(
            ("images", "days", "cost"), (_indexed(size, indexing, currency) for size in sizes)
        ),
        anchors=_table(
            ("who", "says", "ours"), _anchors(inputs["anchors"], rows, indexing, currency)
        ),
        constants=_table(
            ("constant", "value", "published in"),
            ((c.name, f"{c.value:,g} {c.unit}", _link(c.source)) for c in constants),
        ),
    )


_ROW_HEADS: Final = (
    "images",
    "held by",
    "hosts",
    "memory, GB",
    "disk, GB",
    "processor of a query, ms",
    f"hosts for {QUERIES:,} queries/s",
    "kept: a million images, a month",
    f"{QUERIES:,} queries/s, a month",
    "runs out of first",
)


def _row(row: Row, currency: str) -> tuple[str, ...]:
    return (
        _count(row.images),
        row.engine.name,
        f"{row.holding:,}",
        f"{row.memory:,.0f}",
        f"{row.disk:,.0f}",
        f"{row.milliseconds:,.1f}",
        f"{row.hosts:,}",
        f"{currency}{row.storage * MILLION / row.images:,.2f}",
        f"{currency}{row.serving:,.0f}",
        row.bottleneck,
    )


def _growth(rows: Iterable[Row]) -> Iterator[str]:
    for engine in {row.engine.name: row.engine for row in rows}.values():
        sizes = ", ".join(f"{time:g} ms at {size:,}" for size, time in sorted(engine.queries))
        yield f"- {engine.name}: {sizes}; with the power {engine.exponent:.2f} of a host's vectors"


def _anchors(
    anchors: Mapping[str, Any], rows: Sequence[Row], indexing: Indexing, currency: str
) -> Iterator[tuple[str, str, str]]:
    """Yield what others say, and the same of ours, from the smallest rows."""
    a_core = indexing.images_a_second / indexing.cores
    smallest = [row for row in rows if row.images == min(each.images for each in rows)]
    quick = min(smallest, key=lambda row: row.milliseconds)
    lean = min(smallest, key=lambda row: row.memory)
    size = _count(quick.images)

    def anchor(key: str, ours: str) -> tuple[str, str, str]:
        return anchors[key]["who"], anchors[key]["says"], ours

    needed = anchors["clip_retrieval"]
    cores = needed["images"] / (needed["hours"] * HOUR) / a_core
    yield anchor("clip_retrieval", f"{cores:,.0f} cores take as long, without a GPU")
    yield anchor("fastdup", f"{a_core:.1f} images/s a core, with a descriptor's network")
    cores = quick.milliseconds * anchors["hma"]["lookups"] / 1000
    monthly = lean.storage * MILLION / lean.images
    yield anchor(
        "hma",
        f"{currency}{indexing.per_million:.2f} to index a million, {currency}{monthly:.2f} a month "
        f"to keep it; {size} embeddings in {lean.memory:.1f} GB ({lean.engine.name}); "
        f"{anchors['hma']['lookups']:,} searches/s of them take {cores:,.0f} cores "
        f"({quick.engine.name})",
    )
    rate = anchors["safer"]["files_a_year"] / (365 * DAY)
    yield anchor(
        "safer",
        f"{rate:,.0f} files/s take {rate / a_core:,.0f} cores to embed and "
        f"{rate * quick.milliseconds / 1000:,.0f} to search {size} ({quick.engine.name})",
    )
    asked = anchors["s3_vectors"]["queries"] * quick.milliseconds / 1000 / HOUR
    yield anchor(
        "s3_vectors",
        f"{currency}{lean.storage:,.2f} a month for memory and disk ({lean.engine.name}), "
        f"{asked:,.1f} core-hours for the queries ({quick.engine.name}); a host that is always on "
        "costs more",
    )


def _indexed(images: int, indexing: Indexing, currency: str) -> tuple[str, str, str]:
    cost = images / MILLION * indexing.per_million
    return _count(images), f"{indexing.days(images):,.1f}", f"{currency}{cost:,.0f}"


def _link(source: str) -> str:
    page = source.partition("#")[0].removeprefix("../")
    return f"[{page}]({source})"


def _count(number: float) -> str:
    for unit, size in (("billion", 1e9), ("million", 1e6)):
        if number >= size:
            return f"{number / size:g} {unit}"
    return f"{number:,}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
