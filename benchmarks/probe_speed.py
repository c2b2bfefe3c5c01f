"""Time of a probe over many stored embeddings, and until it is in use.

    python benchmarks/probe_speed.py [--images 50000] [--classes 5]

The embeddings are made up, like those of real images, each class like other ones of the shipped
model's background; the classes are banks.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("lookalike"))


def fill(home: Path, images: int, classes: int) -> None:
    """Make an index of made-up images, a bank for each class."""
    from indexer.embedding_space import bound_space
    from indexer.evaluation import add_made_up
    from indexer.ingest import find_or_create_bank
    from indexer.model import load_background
    from indexer.settings import SHIPPED_MODEL, Settings
    from indexer.store import open_store

    settings = Settings(home=home)
    background = load_background(SHIPPED_MODEL)
    with open_store(settings.resolved_database_url) as store:
        for number in range(classes):
            add_made_up(
                store,
                bound_space(store),
                images // classes,
                find_or_create_bank(store, f"class-{number}")[0].id,
                first=number * (images // classes),
                background=background[number::classes],
            )


def run(home: Path, *arguments: str) -> tuple[float, str]:
    """Run a command; return its seconds and what it printed."""
    begun = time.perf_counter()
    environment = {**os.environ, "LOOKALIKE_HOME": str(home)}
    done = subprocess.run(
        [COMMAND, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - begun, done.stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, out = Path(folder) / "home", str(Path(folder) / "probe")
        run(home, "init")
        fill(home, given.images, given.classes)
        options = ("--from-index", "banks", "--out", out, "--json")
        seconds, printed = run(home, "model", "train", *options)
        told = json.loads(printed)
        print(f"{told['data']['images']:,} embeddings, {given.classes} classes")
        print(f"model train: {seconds:.1f} s, of them fit and figures {told['seconds']:.1f} s")
        print(f"accuracy {told['evaluation']['accuracy']['share']:.3f}")
        seconds, printed = run(home, "model", "use", out, "--json")
        print(f"model use: {seconds:.1f} s for {json.loads(printed)['classified']:,} vectors")
