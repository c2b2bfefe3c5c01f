"""The commands: each parses, calls one function of the library, prints."""

from indexer.cli.root import app

__all__ = ["app"]
