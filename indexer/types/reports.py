"""Formats of cluster reports."""

from enum import StrEnum


class ReportFormat(StrEnum):
    """How a cluster report is written."""

    HTML = "html"  # one file for people, with a map
    JSON = "json"  # all of it
    CSV = "csv"  # a row for each image
    PARQUET = "parquet"  # a row for each image, as embedding-atlas reads it
