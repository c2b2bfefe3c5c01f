"""Lookalike's library and command line: index images, search them, return verdicts."""

__version__ = "0.1.0"
