"""Thresholds: bounds of the tiers, where each comes from, and how they are calibrated."""

from indexer.thresholds.active_cards import find_card, put_in_force
from indexer.thresholds.bounds import FROM_MODEL, FROM_REQUEST, FROM_SETTINGS, Threshold, Thresholds
from indexer.thresholds.calibration import Calibration
from indexer.thresholds.calibration_run import CalibrationRun, Request
from indexer.thresholds.gallery_bounds import gallery_bound
from indexer.thresholds.pairwise_scores import Weighing
from indexer.thresholds.resolution import ThresholdResolver, choose_thresholds
from indexer.thresholds.what_if import Position, copy_scores, positions

__all__ = [
    "FROM_MODEL",
    "FROM_REQUEST",
    "FROM_SETTINGS",
    "Calibration",
    "CalibrationRun",
    "Position",
    "Request",
    "Threshold",
    "ThresholdResolver",
    "Thresholds",
    "Weighing",
    "choose_thresholds",
    "copy_scores",
    "find_card",
    "gallery_bound",
    "positions",
    "put_in_force",
]
