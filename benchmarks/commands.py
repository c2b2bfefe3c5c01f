"""Running `lookalike` in a child of its own, and measuring it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("lookalike"))
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


@dataclass(frozen=True, slots=True)
class Run:
    """One command, as the operating system saw it."""

    seconds: float
    processor_seconds: float
    peak_bytes: int
    report: dict[str, Any]


def run(environment: Mapping[str, str], *arguments: str) -> Run:
    """Run a command with --json in a child of its own and measure it.

    Python keeps its bytecode, as an installed command does, whatever the environment says.
    """
    kept = {name: value for name, value in environment.items() if name != NO_BYTECODE}
    script = (
        "import resource, subprocess, sys, time; start = time.perf_counter();"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True);"
        "usage = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss);"
        "print(done.stdout.decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, COMMAND, *arguments, "--json"],
        env=kept,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    first, _, rest = done.stdout.partition("\n")
    seconds, processor_seconds, kilobytes = first.split()
    return Run(float(seconds), float(processor_seconds), int(kilobytes) * 1024, json.loads(rest))
