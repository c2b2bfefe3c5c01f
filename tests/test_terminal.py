"""What strangers wrote, such as file names, cannot command the terminal that it is printed on."""

import json
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest

from indexer.runtime.terminal import printable, printable_json, printable_lines
from support.commands import PHOTOS, Index

HOSTILE: Final = "\x1b]0;owned\x07[red]\nfine\u202egpj\x9b2J.jpg"
SHOWN: Final = r"\x1b]0;owned\x07[red]\nfine\u202egpj\x9b2J.jpg"


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


def test_control_characters_and_marks_of_direction_are_escaped() -> None:
    assert printable(HOSTILE) == SHOWN
    assert printable("a\tb\r\x00\x7f\u2028\ufeff\udcff") == r"a\tb\r\x00\x7f\u2028\ufeff\udcff"
    assert printable("Zoë 漢字 👨\u200d👩 [b]") == "Zoë 漢字 👨\u200d👩 [b]"
    assert printable_lines("one\ntwo\x1b") == "one\ntwo\\x1b"


def test_json_for_machines_keeps_the_value() -> None:
    text = printable_json(json.dumps({"file": HOSTILE}, indent=2, ensure_ascii=False))

    assert is_harmless(text)
    assert json.loads(text) == {"file": HOSTILE}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    index = Index(
        tmp_path_factory.mktemp("home"),
        extra={"LOOKALIKE_MODEL": str(tiny_model), "LOOKALIKE_RUNTIME": "torch"},
    )
    index.run_here("init")
    return index


def test_names_of_files_are_printed_escaped_by_every_command(index: Index, tmp_path: Path) -> None:
    (tmp_path / HOSTILE).write_bytes(b"no picture")
    good = tmp_path / f"good{HOSTILE}"
    good.write_bytes(next(PHOTOS.glob("*.jpg")).read_bytes())

    printed = [
        index.run_here("index", "add", tmp_path, "--bank", "known", code=2),
        index.run_here("index", "quarantine", "list"),
        index.run_here("index", "quarantine", "list", "--json"),
        index.run_here("index", "list"),
        index.run_here("search", good),
        index.run_here("search", good, "--json"),
        index.run_here("classify", good),
        index.run_here("search", tmp_path / HOSTILE, code=2),
        index.run_here("search", tmp_path / f"gone{HOSTILE}", code=2),
        index.run_here("index", "add", tmp_path / f"gone{HOSTILE}", code=2),
        index.run_here("index", "remove", f"gone{HOSTILE}", code=4),
        index.run_here("bank", "show", HOSTILE, code=4),
        index.run_here("search", good, f"--{HOSTILE}", code=2),
        index.run_here(HOSTILE, code=2),
    ]

    for number, done in enumerate(printed):
        assert is_harmless(done.stdout + done.stderr), (number, done)
    assert SHOWN in printed[0].stderr
    assert printed[2].json[0]["uri"] == str(tmp_path / HOSTILE)
    assert f"good{SHOWN}: exact, in known" in printed[4].stdout
    assert "[red]" in printed[6].stdout  # a title holds no markup


_LOGGING: Final = """
import sys
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
import structlog
from indexer.runtime.log_setup import configure_logging

class Tier(StrEnum):
    EXACT = "exact"

configure_logging("INFO", sys.argv[1])
log = structlog.get_logger("indexer")
name = sys.stdin.read()
log.warning(
    "skipped", file=name, path=Path(name), tier=Tier.EXACT, code=HTTPStatus.OK, tiers=[Tier.EXACT]
)
structlog.get_logger("some.library").warning("bad file %s", name)
try:
    raise ValueError(name)
except ValueError:
    log.exception("failed")
"""


def logged(log_format: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _LOGGING, log_format],
        input=HOSTILE,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return done.stderr


def test_text_logs_hold_no_control_characters_and_no_representations_of_enums() -> None:
    text = logged("text")

    assert is_harmless(text)
    first, second, *_ = text.splitlines()
    assert "tier=exact" in first
    assert "code=200" in first
    assert "tiers=['exact']" in first
    assert "Path(" not in first
    assert "owned" in second


def test_json_logs_hold_the_values_themselves() -> None:
    text = logged("json")

    assert is_harmless(text)
    first = json.loads(text.splitlines()[0])
    assert (first["file"], first["path"], first["tier"], first["code"]) == (
        HOSTILE,
        HOSTILE,
        "exact",
        HTTPStatus.OK,
    )
