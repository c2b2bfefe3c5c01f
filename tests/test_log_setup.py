"""What libraries find odd in a file reaches nobody but who debugs."""

import subprocess
import sys

import pytest

SCRIPT = """
import logging, sys, warnings
from indexer.runtime.log_setup import configure_logging
configure_logging(sys.argv[1], sys.argv[2])
warnings.warn("an odd tag")
logging.getLogger("PIL.TiffImagePlugin").error("more samples than can be decoded")
logging.getLogger("urllib3").warning("a library's warning of another kind")
"""


def said(level: str, log_format: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, level, log_format],
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_libraries_say_of_a_file_is_not_logged(log_format: str) -> None:
    [line] = said("INFO", log_format)

    assert "of another kind" in line


def test_debugging_shows_it() -> None:
    lines = "\n".join(said("DEBUG", "text"))

    assert "an odd tag" in lines
    assert "more samples" in lines
