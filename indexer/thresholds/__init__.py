"""When two pictures match: the bounds, where each came from, and how they are calibrated."""

from indexer.thresholds.book import ThresholdBook, choose_thresholds
from indexer.thresholds.bounds import FROM_MODEL, FROM_REQUEST, FROM_SETTINGS, Threshold, Thresholds
from indexer.thresholds.calibration import Calibration
from indexer.thresholds.comparison import Fusion
from indexer.thresholds.in_force import find_card, put_in_force
from indexer.thresholds.moving import Position, copy_scores, positions
from indexer.thresholds.run import CalibrationRun, Request

__all__ = [
    "FROM_MODEL",
    "FROM_REQUEST",
    "FROM_SETTINGS",
    "Calibration",
    "CalibrationRun",
    "Fusion",
    "Position",
    "Request",
    "Threshold",
    "ThresholdBook",
    "Thresholds",
    "choose_thresholds",
    "copy_scores",
    "find_card",
    "positions",
    "put_in_force",
]
