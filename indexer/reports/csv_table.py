"""CSV report: one row per image of the run."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO, Final

from indexer.reports.report_tree import Report
from indexer.runtime.terminal import printable

COLUMNS: Final = (
    "image_id",
    "cluster_id",
    "cluster",
    "probability",
    "outlier_score",
    "distance",
    "assigned",
    "x",
    "y",
    "added_at",
    "label",
    "source",
    "uploader",
)
_FORMULAS: Final = ("=", "+", "-", "@")


def write_csv(report: Report, file: BinaryIO) -> None:
    """Write one row for each image, noise included, by ascending id.

    Text that a spreadsheet would take for a formula is written behind an apostrophe, and control
    characters as escapes.
    """
    text = TextIOWrapper(file, encoding="utf-8", newline="", errors="surrogateescape")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(report))
    text.flush()
    text.detach()


def _rows(report: Report) -> Iterator[tuple[object, ...]]:
    names = {cluster.id: _plain(cluster.name) for cluster in report.clusters}
    members = report.members
    for row, image_id in enumerate(members.image_ids):
        cluster_id = members.cluster_ids[row]
        yield (
            image_id,
            cluster_id,
            None if cluster_id is None else names.get(cluster_id),
            members.probabilities[row],
            members.outlier_scores[row],
            members.distances[row],
            int(members.assigned[row]),
            members.x[row],
            members.y[row],
            members.added_at[row].isoformat(),
            _plain(members.labels[row]),
            _plain(members.sources[row]),
            _plain(members.uploaders[row]),
        )


def _plain(text: str | None) -> str | None:
    text = printable(text) if text else text
    return f"'{text}" if text and text.startswith(_FORMULAS) else text
