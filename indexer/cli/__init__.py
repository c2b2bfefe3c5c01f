"""Command line: each command parses arguments, calls the library and prints the result."""

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

from indexer.cli.root import app  # noqa: E402 -- NumPy reads the limit when it is loaded

__all__ = ["app"]
