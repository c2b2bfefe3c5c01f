"""Command line: each command parses arguments, calls the library and prints the result.

Nearly all objects of a command's modules stay until it ends. So the garbage collector looks at all
of them seldom, and not once more at the end: together a fifth of a short command's time.
"""

import atexit
import gc

from indexer.runtime.cpu import limit_library_threads, switch_threads_early

limit_library_threads()
switch_threads_early()
gc.set_threshold(*gc.get_threshold()[:2], 100)
atexit.register(gc.freeze)

from indexer.cli.root import app  # noqa: E402 -- NumPy reads the limit when it is loaded

__all__ = ["app"]
