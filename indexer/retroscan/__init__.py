"""Retro-scan: past images that newer block entries match."""

from indexer.retroscan.scan import RetroScanner

__all__ = ["RetroScanner"]
