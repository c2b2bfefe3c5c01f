"""Do templates accuse? Screens of applications, made and from DEV, in banks of 1, 10 and 100.

For each application there are indexes with 1, 10 and 100 of its screens in a bank, with other
contents (DEV's photos). Screens of the same application with 40 contents that no bank holds, and
that match none by themselves, must not match: any match is false. The contents of the bank must
match: in the same application again, in another one, and alone. DEV's screenshots and memes are
dealt out likewise, half into the bank. `--unseen` asks about applications on which no rule was
chosen instead. Prints one row an application, before and after `lookalike template learn`, which
finds what a server learns within seconds. PYTHONPATH decides which version of `indexer` is
measured; one without templates is measured as it is.

Example: python benchmarks/templates.py ../shared/bench/dev
"""

import argparse
import csv
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random

from PIL import Image

from commands import COMMAND
from dev_set import DEFAULT
from indexer.matching import Matcher, Query, SearchOptions, open_matcher
from indexer.settings import Settings
from indexer.store import open_store
from made_up_apps import APPS
from made_up_screen import Application
from unseen_apps import UNSEEN

SIZES = (1, 10, 100)
"""Images of the application in the bank."""
KINDS = ("other", "same", "elsewhere", "alone")


@dataclass(frozen=True, slots=True)
class BankSet:
    """A folder with the bank of one application, and a folder for each kind of query."""

    name: str
    folder: Path

    def files(self, kind: str) -> list[Path]:
        """Return the pictures of a kind, in order; a query is called as its content in the bank."""
        folder = self.folder / kind
        return sorted(folder.iterdir()) if folder.is_dir() else []


def save(image: Image.Image, path: Path, quality: int) -> None:
    """Write a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.convert("RGB").save(path, quality=quality)


def smaller(image: Image.Image) -> Image.Image:
    """Return the image at 0.8 of its size."""
    return image.resize((image.width * 4 // 5, image.height * 4 // 5))


def choose_photos(dev: Path, seed: int, queries: int) -> list[Path]:
    """Return 100 photos for the banks, then those that match none of them by themselves."""
    with (dev / "refs.csv").open(newline="") as rows:
        paths = [
            dev / row["reference_path"] for row in csv.DictReader(rows) if row["kind"] == "photo"
        ]
    Random(seed).shuffle(paths)
    banked, others = paths[: SIZES[-1]], paths[SIZES[-1] : SIZES[-1] + 2 * queries]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run(home, "init")
        run(home, "index", "add", *map(str, banked))
        settings = Settings(home=home)
        with open_store(settings.resolved_database_url) as store:
            matcher = open_matcher(store, settings)
            unlike = [
                path
                for path in others
                if not matcher.answer(Query.picture(path.read_bytes(), path.name)).matches
            ]
    return banked + unlike[:queries]


def make_sets(
    photos: Sequence[Path],
    folder: Path,
    apps: Mapping[str, Application],
    chosen: Collection[str],
) -> Iterator[BankSet]:
    """Draw applications around photos, 100 for the bank and others."""
    names = [*apps]
    queries = len(photos) - SIZES[-1]
    for number, (name, app) in enumerate(apps.items()):
        if name not in chosen:
            continue
        another = apps[names[(number + 1) % len(names)]]
        for place, path in enumerate(photos):
            with Image.open(path) as opened:
                photo = opened.convert("RGB")
            file = f"{place:03}.jpg"
            if place >= SIZES[-1]:
                save(app(photo, 2000 + place), folder / name / "other" / file, 85)
                continue
            save(app(photo, 1000 + place), folder / name / "bank" / file, 90)
            if place < queries:
                save(smaller(app(photo, 3000 + place)), folder / name / "same" / file, 80)
                save(another(photo, 4000 + place), folder / name / "elsewhere" / file, 85)
                save(photo, folder / name / "alone" / file, 85)
        yield BankSet(name, folder / name)


def deal_sets(dev: Path, folder: Path, seed: int) -> Iterator[BankSet]:
    """Deal out DEV's screenshots and memes: half into the bank, half as queries."""
    with (dev / "ground_truth.csv").open(newline="") as rows:
        cases = [*csv.DictReader(rows)]
    for name, transform, params in (
        ("DEV's web page", "screenshot", "web.png"),
        ("DEV's telephone", "screenshot", "mobile.png"),
        ("DEV's memes", "meme", ""),
    ):
        chosen = [c for c in cases if c["transform"] == transform and params in c["params"]]
        Random(seed).shuffle(chosen)
        chosen.sort(key=lambda case: not case["reference_path"])
        for place, case in enumerate(chosen):
            file = f"{place:03}.jpg"
            with Image.open(dev / case["query_path"]) as screen:
                if place >= len(chosen) // 2:
                    save(screen, folder / name / "other" / file, 95)
                    continue
                save(screen, folder / name / "bank" / file, 95)
                save(smaller(screen), folder / name / "same" / file, 75)
            if case["reference_path"]:
                with Image.open(dev / case["reference_path"]) as photo:
                    save(photo, folder / name / "alone" / file, 90)
        yield BankSet(name, folder / name)


def run(home: Path, *arguments: str) -> bool:
    """Run a command; return whether it succeeded."""
    environment = {**os.environ, "LOOKALIKE_HOME": str(home)}
    done = subprocess.run([COMMAND, *arguments], env=environment, check=False, capture_output=True)
    return done.returncode == 0


def ask(matcher: Matcher, bank_set: BankSet, size: int) -> Counter[tuple[str, int, str]]:
    """Ask a bank of a size with every query; count those asked and those that matched."""
    counts: Counter[tuple[str, int, str]] = Counter()
    options = SearchOptions(banks=("known",))
    for kind in KINDS:
        for path in bank_set.files(kind):
            if kind != "other" and int(path.stem) >= size:
                continue
            query = Query.picture(path.read_bytes(), path.name)
            matches = matcher.answer(query, options).matches
            found = [Path(match.source or "").stem for match in matches]
            counts[kind, size, "asked"] += 1
            counts[kind, size, "found"] += path.stem in found or (kind == "other" and matches != ())
    return counts


def measure(bank_set: BankSet) -> dict[str, Counter[tuple[str, int, str]]]:
    """Index banks of every size, each by itself; ask before and after its templates are learned."""
    counts: dict[str, Counter[tuple[str, int, str]]] = {"": Counter(), "learned": Counter()}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            run(home, "init")
            files = [str(path) for path in bank_set.files("bank")]
            run(home, "index", "add", *files[:size], "--bank", "known")
            settings = Settings(home=home)
            with open_store(settings.resolved_database_url) as store:
                counts[""] += ask(open_matcher(store, settings), bank_set, size)
                if run(home, "template", "learn"):
                    counts["learned"] += ask(open_matcher(store, settings), bank_set, size)
    return counts


def main() -> None:
    """Measure all sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--seed", type=int, default=1, help="which photos are in the banks")
    parser.add_argument("--queries", type=int, default=40, help="contents of each kind of query")
    parser.add_argument("--only", nargs="+", help="some of the applications")
    parser.add_argument("--unseen", action="store_true", help="those that no rule was chosen on")
    arguments = parser.parse_args()
    columns = [f"{kind} @{size}" for kind in KINDS for size in SIZES]
    print(f"| application | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    total: dict[str, Counter[tuple[str, int, str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        photos = choose_photos(arguments.folder, arguments.seed, arguments.queries)
        apps = UNSEEN if arguments.unseen else APPS
        made = make_sets(photos, Path(folder), apps, arguments.only or apps.keys())
        dealt = deal_sets(arguments.folder, Path(folder), arguments.seed)
        for bank_set in made if arguments.unseen else chain(made, dealt):
            if not arguments.only or bank_set.name in arguments.only:
                for state, counts in measure(bank_set).items():
                    print_row(f"{bank_set.name} {state}", counts)
                    total.setdefault(state, Counter()).update(counts)
    for state, counts in total.items():
        print_row(f"**all** {state}", counts)


def print_row(name: str, counts: Counter[tuple[str, int, str]]) -> None:
    """Print found of asked, by kind and size of the bank."""
    cells = [
        f"{counts[kind, size, 'found']} of {counts[kind, size, 'asked']}"
        for kind in KINDS
        for size in SIZES
    ]
    print(f"| {name.strip()} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
