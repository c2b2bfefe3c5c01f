"""Flood watch: entries with a surge of matches."""

from indexer.flood.review import dismiss, quarantine
from indexer.flood.watch import FloodWatch

__all__ = ["FloodWatch", "dismiss", "quarantine"]
