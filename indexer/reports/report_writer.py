"""Writer of a report in one of its formats."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Final, cast

from indexer.errors import UnreadableSource
from indexer.reports.build import ReportOptions
from indexer.reports.csv_table import write_csv
from indexer.reports.html import write_html
from indexer.reports.parquet import check_parquet, write_parquet
from indexer.reports.report_tree import Report
from indexer.runtime.terminal import printable_json
from indexer.types import ReportFormat

_PICTURES: Final = 600
"""Pictures of an HTML report: 2 KB each, so that it stays a file to send."""


def options_for(kind: ReportFormat) -> ReportOptions:
    """Return what a report must hold for a format."""
    return ReportOptions(
        pictures=_PICTURES if kind is ReportFormat.HTML else 0,
        alternatives=kind in {ReportFormat.HTML, ReportFormat.JSON},
        neighbours=kind is ReportFormat.PARQUET,
    )


def check_writable(kind: ReportFormat) -> None:
    """Refuse a format that cannot be written, before any work is done for it.

    Raises
    ------
    InputError
        pyarrow is not installed.
    """
    if kind is ReportFormat.PARQUET:
        check_parquet()


def write_report(report: Report, kind: ReportFormat, file: BinaryIO) -> None:
    """Write a report.

    Parameters
    ----------
    report : Report
        Made with `options_for(kind)`.
    kind : ReportFormat
    file : binary file
        Open for writing.
    """
    _WRITERS[kind](report, file)


def save_report(report: Report, kind: ReportFormat, path: Path) -> None:
    """Write a report to a file, which is replaced once the report is whole.

    Raises
    ------
    UnreadableSource
        The file cannot be written.
    """
    replace_file(path, lambda file: write_report(report, kind, file))


def replace_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file that only its owner may read, and put it in place once it is whole.

    Raises
    ------
    UnreadableSource
        The file cannot be written.
    """
    try:
        with NamedTemporaryFile(dir=path.absolute().parent, delete=False) as file:
            try:
                write(cast("BinaryIO", file))
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o600)
                Path(file.name).replace(path)
            finally:
                Path(file.name).unlink(missing_ok=True)
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be written: {error.strerror or error}.") from error


def write_json(report: Report, file: BinaryIO) -> None:
    """Write all of a report."""
    from pydantic_core import to_json

    file.write(printable_json(to_json(report, indent=2).decode()).encode())
    file.write(b"\n")


_WRITERS: Final = {
    ReportFormat.HTML: write_html,
    ReportFormat.JSON: write_json,
    ReportFormat.CSV: write_csv,
    ReportFormat.PARQUET: write_parquet,
}
