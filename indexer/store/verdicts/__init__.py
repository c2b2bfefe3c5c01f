"""Verdicts: decisions, threshold cards, retro-scans, calibration samples."""
