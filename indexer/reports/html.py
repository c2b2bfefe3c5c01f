"""HTML report: one self-contained file."""

import json
import shlex
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from indexer.reports.report_tree import ClusterReport, Report, Summary, Within
from indexer.runtime.terminal import printable, printable_lines
from indexer.types import BankKind, ClusterScope

if TYPE_CHECKING:  # it is slow to load
    from jinja2 import Environment

_PAGE: Final = Path(__file__).with_name("page")
_SCATTERPLOT: Final = Path(__file__).with_name("scatterplot")
_TOLD: Final = 150
"""Clusters with a section of their own; the table names all of them."""
_LISTED: Final = 2_000
"""Rows of a table; more are a matter for CSV."""
_DRAWN: Final = 200_000
"""Points of the map; of more images every second, third, ... is drawn."""
_THIN_SPACE: Final = "\u2009"


def write_html(report: Report, file: BinaryIO) -> None:
    """Write a report for people: a map to move about in, tables to sort, pages to print.

    Its policy forbids every connection. Only its own scripts run, known by their digests.
    """
    environment = page_environment()
    scripts = [scatterplot_script(), (_PAGE / "report.js").read_text(encoding="utf-8")]
    digests = [f"'sha256-{_digest(each)}'" for each in scripts]
    notices = [folder / "NOTICES.txt" for folder in (_SCATTERPLOT, _PAGE)]
    page = environment.get_template("report.html.jinja").generate(
        report=report,
        scripts=scripts,
        style=(_PAGE / "report.css").read_text(encoding="utf-8"),
        notices="\n".join(each.read_text(encoding="utf-8") for each in notices),
        policy=(
            f"default-src 'none'; script-src {' '.join(digests)}; "
            "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
        ),
        points=_points(report),
        scope=_scope(report.run.scope),
        told=report.clusters[:_TOLD],
        listed=report.clusters[:_LISTED],
        changes=report.summary.changes[:_LISTED],
        days=_span(report),
        growth=_growth,
        unit="hour" if report.summary.hours else "day",
        within=_within,
        commands=_commands,
        drawn=len(report.members.image_ids[:: _stride(report)]),
    )
    file.writelines(piece.encode("utf-8", "replace") for piece in page)


def scatterplot_script() -> str:
    """Return the script that draws points, of reports and of the console: `scatterplot` in it."""
    return (_SCATTERPLOT / "scatterplot.js").read_text(encoding="utf-8")


def page_environment() -> "Environment":
    """Return the templates of this folder, which escape what strangers wrote."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_PAGE),
        autoescape=True,
        finalize=_printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": _count, "number": _number, "moment": _moment, "day": _day}
    return environment


def _digest(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()


def _printed(value: object) -> object:
    """Escape control characters of text from elsewhere; what the page itself is stays."""
    return printable_lines(value) if type(value) is str else value


def _points(report: Report) -> dict[str, Any]:
    """Return what the map is drawn from, packed as `points.js` unpacks it."""
    members = report.members
    places = {cluster.id: place for place, cluster in enumerate(report.clusters, 1)}
    clusters = np.array([places.get(i, 0) if i is not None else 0 for i in members.cluster_ids])
    drawn = np.arange(0, len(clusters), _stride(report))
    drawn = drawn[np.argsort(clusters[drawn] > 0, kind="stable")]  # noise below the clusters
    return {
        "x": _packed(np.array(members.x)[drawn], "<f4"),
        "y": _packed(np.array(members.y)[drawn], "<f4"),
        "cluster": _packed(clusters[drawn], "<u4"),
        "id": _packed(np.array(members.image_ids)[drawn], "<f8"),
        "clusters": [
            {"id": c.id, "name": printable(c.name), "size": c.size, "medoid": c.medoid.image_id}
            for c in report.clusters
        ],
    }


def _stride(report: Report) -> int:
    return -(-len(report.members.image_ids) // _DRAWN) or 1


def _packed(numbers: NDArray[Any], kind: str) -> str:
    return b64encode(numbers.astype(kind).tobytes()).decode()


def _span(report: Report) -> str:
    moments = [moment for moment, _ in _periods(report.summary)]
    return json.dumps([moments[0], moments[-1]] if moments else [])


def _growth(grown: Summary | ClusterReport) -> str:
    return json.dumps(_periods(grown))


def _periods(grown: Summary | ClusterReport) -> list[tuple[str, int]]:
    """Return the beginning of each hour, or else day, and what was added in it."""
    if grown.hours:
        return [(f"{each.hour:%Y-%m-%dT%H:%M}Z", each.added) for each in grown.hours]
    return [(f"{each.day}T00:00Z", each.added) for each in grown.growth]


def _within(rows: Sequence[Within], size: int) -> str:
    return json.dumps([[row.distance, round(row.images / max(size, 1), 4)] for row in rows])


def _commands(cluster: ClusterReport) -> list[str]:
    """Return what to type about a cluster, each to be copied whole."""
    block = next((hit.bank for hit in cluster.banks if hit.kind == BankKind.BLOCK), "BANK")
    return [
        f"lookalike cluster show {cluster.id}",
        f"lookalike cluster label {cluster.id} NAME",
        f"lookalike cluster bank {cluster.id} {shlex.quote(block)}",
    ]


def _scope(scope: ClusterScope) -> list[str]:
    """Say which images a run looked at, a phrase for each condition."""
    return list(_conditions(scope)) or ["all images"]


def _conditions(scope: ClusterScope) -> Iterator[str]:
    if scope.banks:
        yield f"in {' or '.join(scope.banks)}"
    if scope.label is not None:
        yield f"of class {scope.label}"
    if scope.min_probability is not None:
        yield f"with probability {scope.min_probability:g} or more"
    if scope.since is not None:
        yield f"added since {_moment(scope.since)}"
    if scope.until is not None:
        yield f"added before {_moment(scope.until)}"
    if scope.uploader is not None:
        yield f"sent by {scope.uploader}"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", _THIN_SPACE)


def _number(number: float | None, digits: int = 3) -> str:
    return "" if number is None else f"{number:.{digits}f}"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"
