"""Reports about cluster runs: one tree of values, written as HTML, JSON, CSV or Parquet."""

from indexer.reports.build import ReportOptions, build_report
from indexer.reports.contact_sheet import save_contact_sheet
from indexer.reports.html import scatterplot_script
from indexer.reports.map_files import MapFile, map_stamp, open_map_file
from indexer.reports.report_tree import Report
from indexer.reports.report_writer import check_writable, options_for, save_report, write_report

__all__ = [
    "MapFile",
    "Report",
    "ReportOptions",
    "build_report",
    "check_writable",
    "map_stamp",
    "open_map_file",
    "options_for",
    "save_contact_sheet",
    "save_report",
    "scatterplot_script",
    "write_report",
]
