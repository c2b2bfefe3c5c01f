"""A terminal of a given width that a command writes to, as people see it."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

from support.commands import COMMAND, Index

_ROWS = 40


def show(index: Index, *arguments: object, columns: int = 80, code: int = 0) -> str:
    """Run a command in a terminal and return all that it wrote there, stdout and stderr."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, columns, 0, 0))
    environment = {k: v for k, v in index.environment.items() if k not in {"COLUMNS", "LINES"}}
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        env={**environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65536):
                written += chunk
        except OSError:  # the other end is closed
            pass
        os.close(ours)
    text = written.decode().replace("\r\n", "\n")
    assert process.returncode == code, f"exit {process.returncode}\n{text}"
    return text
