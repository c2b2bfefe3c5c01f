"""Flood watch: entries that suddenly match far more than their history."""

from indexer.flood.review import dismiss, quarantine
from indexer.flood.watch import FloodWatch

__all__ = ["FloodWatch", "dismiss", "quarantine"]
