"""Lookalike's library and commands: sources to images to model to store to views to verdicts."""

__version__ = "0.1.0"
