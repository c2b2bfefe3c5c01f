"""The commands: each parses, calls one function of the library, prints."""

from indexer.cli.root import app
from indexer.parallelism import limit_library_threads

limit_library_threads()

__all__ = ["app"]
