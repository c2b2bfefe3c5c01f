"""A report as Parquet: one row for each image, in the columns that embedding-atlas reads."""

from typing import Any, BinaryIO

from indexer.errors import InputError
from indexer.reports.report_tree import Neighbours, Report


def check_parquet() -> None:
    """Refuse to write Parquet where that is not possible, before any work is done for it.

    Raises
    ------
    InputError
        pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise InputError(
            "Reports as Parquet need pyarrow. pip install 'lookalike[parquet]', or choose "
            "--format csv."
        ) from error
    del pa


def write_parquet(report: Report, file: BinaryIO) -> None:
    """Write one row for each image, noise included, by ascending id.

    `x`, `y`, `neighbors` and `label` are what embedding-atlas asks for: `embedding-atlas
    report.parquet --x x --y y --neighbors neighbors`. Neighbours are numbers of rows, counted from
    zero, as it wants them.

    Raises
    ------
    InputError
        pyarrow is not installed.
    """
    check_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = {cluster.id: cluster.name for cluster in report.clusters}
    members = report.members
    columns: dict[str, Any] = {
        "id": pa.array(members.image_ids, pa.int64()),
        "x": pa.array(members.x, pa.float32()),
        "y": pa.array(members.y, pa.float32()),
        "label": pa.array(
            ["noise" if i is None else names.get(i) for i in members.cluster_ids], pa.string()
        ),
        "cluster": pa.array(members.cluster_ids, pa.int64()),
        "probability": pa.array(members.probabilities, pa.float32()),
        "outlier_score": pa.array(members.outlier_scores, pa.float32()),
        "distance": pa.array(members.distances, pa.float32()),
        "assigned": pa.array(members.assigned, pa.bool_()),
        "added_at": pa.array(members.added_at, pa.timestamp("us", tz="UTC")),
        "class": pa.array(members.labels, pa.string()),
        "source": pa.array(members.sources, pa.string()),
        "uploader": pa.array(members.uploaders, pa.string()),
    }
    if members.neighbours is not None:
        columns["neighbors"] = _neighbours(members.neighbours, pa)
    pq.write_table(pa.table(columns), file, compression="zstd")


def _neighbours(neighbours: Neighbours, pa: Any) -> Any:
    ids = pa.array(neighbours.rows, pa.list_(pa.int64()))
    distances = pa.array(neighbours.distances, pa.list_(pa.float32()))
    return pa.StructArray.from_arrays([ids, distances], names=["ids", "distances"])
