"""Size and speed of views of 100 thousand to 10 million made-up vectors, through inverted lists.

The vectors are those of `made_up_gallery.py`. Each step is a process of its own, and one that is
done is not done again, so that a run that was ended goes on where it was:

    make    write the vectors, as one segment
    lists   train the codebook, encode, choose nprobe by measurement, write a snapshot
    query   open the snapshot, search
    remove  remove one vector of a hundred, write a snapshot
    verify  open the snapshot, search for what was removed, compare with the made-up log

Example: python benchmarks/large_views.py --folder /tmp/views --size 1000000 all
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import ChangeFeed, Keys, VectorChanges, VectorKeys
from indexer.vectors import KeySet, SnapshotPolicy, VectorView
from indexer.vectors.base import SegmentRecord
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.inverted_lists.codebook import Codebook
from indexer.vectors.inverted_lists.list_codes import ListCodes
from indexer.vectors.inverted_lists.list_search import Probing, nearest_listed
from indexer.vectors.inverted_lists.listed_index import ListedIndex, ListRule
from indexer.vectors.inverted_lists.view_lists import HeldOut, ListMaker, ViewLists
from indexer.vectors.manifest import Identity, Position
from indexer.vectors.recall import disturbed, measure_recall
from indexer.vectors.segments import Rows
from indexer.vectors.snapshot_policy import Schedule
from indexer.vectors.snapshots import SnapshotFolder
from indexer.vectors.tiers import IN_MEMORY
from indexer.vectors.vector_files import map_vectors
from made_up_gallery import BLOCK, DIMENSION, MadeUpGallery

STEPS: Final = ("make", "lists", "query", "remove", "verify")
TARGETS: Final = (0.95, 0.99)
ONE_SEGMENT: Final = "0" * 32
_LOG: Final = "made-up"
_POLICY: Final = SnapshotPolicy(every=10**12, seconds=1e12)
_ASKED: Final = 320  # queries that are timed
_REMOVED: Final = 100  # one of so many vectors
_CHECKED: Final = 20_000  # vectors that are compared with the log
_HEADER: Final = 4096  # bytes before the vectors in their file

Figures = dict[str, Any]


class MadeUpLog:
    """A log of added vectors, then of removals; see `ChangeFeed`."""

    log_id = _LOG
    subject = "image"

    def __init__(self, size: int, *, removals: bool) -> None:
        self._size = size
        self.removed = np.arange(0, size if removals else 0, _REMOVED)
        self._gallery = MadeUpGallery()
        self._block = (-1, np.zeros((0, DIMENSION), np.float32))

    def head(self) -> int:
        """Count the changes."""
        return self._size + len(self.removed)

    def mark(self, number: int) -> str | None:
        """Return a change's mark."""
        return f"{_LOG}-{number}" if 0 < number <= self.head() else "" if number == 0 else None

    def read(self, after: int, limit: int) -> VectorChanges:
        """Return removals; what was added before is in the first snapshot."""
        first = max(0, after - self._size)
        gone = self.removed[first : first + limit]
        nothing = np.zeros((0, DIMENSION), np.float32)
        return VectorChanges(after + len(gone), np.zeros(0, np.int64), nothing, gone)

    def all_keys(self) -> VectorKeys:
        """Return the keys that are left."""
        keys = np.setdiff1d(np.arange(self._size), self.removed)
        return VectorKeys(self.head(), keys, np.zeros(0, np.int64))

    def look_up(self, keys: Keys) -> VectorChanges:
        """Make the vectors of some keys again."""
        held = np.setdiff1d(keys, self.removed)
        vectors = np.empty((len(held), DIMENSION), np.float32)
        for number in np.unique(held // BLOCK).tolist():
            if self._block[0] != number:
                self._block = (number, self._gallery.block(number))
            inside = held // BLOCK == number
            vectors[inside] = self._block[1][held[inside] % BLOCK]
        return VectorChanges(self.head(), held, vectors, np.intersect1d(keys, self.removed))


class TimedMaker(ListMaker):
    """Times what it does, and measures for every target, the highest last."""

    figures: Figures = {}  # noqa: RUF012 - of the process

    kept = Path()
    """Where what is made is kept, to be made once."""

    def train(self, segments: Any) -> Codebook:
        """Train, timed."""
        path = self.kept / "codebook"
        if not path.exists():
            made = timed(self.figures, "train", lambda: ListMaker.train(self, segments))
            self._keep(path, made.write)
        return Codebook.read(path, "0" * 32, sum(each.live for each in segments), DIMENSION)

    def encode(self, flat: FlatRows, codebook: Codebook) -> CodedRows:
        """Encode, timed."""
        path = self.kept / ("rabitq" if self.binary else "sq8")
        if not path.exists():
            coded = timed(self.figures, "encode", lambda: ListMaker.encode(self, flat, codebook))
            self._keep(path, coded.codes.write)
        codes = ListCodes.read(path, codebook)
        self.figures.update(codes_bytes=codes.nbytes, lists=len(codebook))
        return CodedRows(codes.kind, codes, flat)

    def _keep(self, path: Path, write: Callable[[Any], None]) -> None:
        """Write a file, and the figures that are known by then beside it."""
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            write(file)
        unfinished.rename(path)
        path.with_suffix(".json").write_text(json.dumps(self.figures))

    def held_out(self, segments: Any) -> HeldOut:
        """Compare the held-out queries with all vectors, timed."""
        return timed(self.figures, "truth", lambda: ListMaker.held_out(self, segments))

    def measure(self, segments: Any, codebook: Codebook, held_out: HeldOut) -> ViewLists:
        """Measure for each target, timed."""
        chosen = []
        for target in TARGETS:
            maker = ListMaker(target=target, binary=self.binary, threads=self.threads)
            measured = timed(
                self.figures,
                f"choose {target}",
                lambda maker=maker: maker.measure(segments, codebook, held_out),
            )
            self.figures[f"settings {target}"] = {
                "probes": measured.settings.probes,
                "shortlist": measured.settings.shortlist,
                "recall": measured.completeness.recall,
                "interval": measured.completeness.interval,
            }
            print(target, measured.settings, measured.completeness, flush=True)
            chosen.append((measured.completeness.reaches(target), len(chosen), measured))
        return max(chosen)[2]


class MappedIndex(ListedIndex):
    """A listed index whose vectors are mapped before they have lists, too."""

    def _read(self, folder: Path, record: SegmentRecord) -> Rows:
        if record.codes is None:
            return FlatRows(map_vectors(folder / self._vectors_file(record.id), self.dimension))
        return super()._read(folder, record)


def write_snapshot(folder: Path, log: ChangeFeed, index: MappedIndex) -> None:
    """Write an index that holds all of a log as the snapshot of a view."""
    position = Position(log.head(), log.mark(log.head()) or "")
    identity = Identity(folder.name, log.log_id, index.metric, index.dimension)
    VectorView(
        feed=log,
        index=index,
        position=position,
        snapshots=SnapshotFolder(folder, identity, 2),
        schedule=Schedule(_POLICY, position.watermark),
        new_index=lambda: index,
    ).snapshot()


class Run:
    """One size in one folder."""

    def __init__(self, folder: Path, size: int, *, binary: bool) -> None:
        self.folder = folder / str(size)
        self.size = size
        self.binary = binary
        self.name = "rabitq" if binary else "sq8"
        maker = TimedMaker(target=TARGETS[0], binary=binary)
        self._rule = ListRule(1, 1 if binary else 10**12, maker)

    def make(self) -> Figures:
        """Write the vectors as one segment."""
        made, rows = self.folder / "made", self.size
        made.mkdir(parents=True, exist_ok=True)
        path = made / f"segment-{ONE_SEGMENT}.vectors.npy"
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {DIMENSION}), }}"
        gallery, width = MadeUpGallery(), DIMENSION * 4
        with path.open("ab") as file:
            if file.tell() < _HEADER:
                file.truncate(0)
                file.write(b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little"))
                file.write(text.ljust(_HEADER - 11).encode() + b"\n")
            for number in range((file.tell() - _HEADER) // (BLOCK * width), -(-rows // BLOCK)):
                file.truncate(_HEADER + number * BLOCK * width)
                file.write(gallery.block(number).tobytes())
            file.truncate(_HEADER + rows * width)
        np.save(made / f"segment-{ONE_SEGMENT}.keys.npy", np.arange(rows))
        return {}

    def lists(self) -> Figures:
        """Make the lists and write a snapshot."""
        TimedMaker.kept = self.folder
        for known in self.folder.glob("*.json"):
            if known.stem in {"codebook", self.name}:
                TimedMaker.figures.update(json.loads(known.read_text()))
        index = self._new()
        index.load(self.folder / "made", [SegmentRecord(ONE_SEGMENT, self.size, 0)])
        figures = TimedMaker.figures
        if not timed(figures, "improve", index.improve):
            raise SystemExit("Recall is below the lower target: no lists.")
        log = MadeUpLog(self.size, removals=False)
        timed(figures, "snapshot", lambda: write_snapshot(self._views, log, index))
        return figures

    def query(self) -> Figures:
        """Search what a snapshot holds."""
        figures: Figures = {"memory before": memory()}
        view = timed(figures, "open", lambda: self._open(removals=False))
        index = view.index
        figures["memory opened"] = memory()
        segments, lists = index.segments, index.lists
        random = np.random.default_rng(9)
        stored = index.reconstruct(np.sort(random.choice(self.size, _ASKED, replace=False)))[1]
        queries = disturbed(stored, random)
        settings = json.loads((self.folder / f"{self.name}-lists.json").read_text())
        for target in TARGETS:
            chosen = settings[f"settings {target}"]
            probing = Probing(lists.codebook, chosen["probes"], chosen["shortlist"])
            for at_once in (1, 32):
                asked = queries if at_once > 1 else queries[:100]

                def search(some: NDArray[np.float32], probing: Probing = probing) -> None:
                    nearest_listed(segments, probing, some, 10, None)

                figures[f"ms {target} {at_once}"] = milliseconds(search, asked, at_once)
        figures["ms exact 1"] = milliseconds(
            lambda some: index.search(some, 10, exact=True), queries[:5], 1
        )
        for share in (0.01, 0.1, 0.5):
            chosen = np.flatnonzero(random.random(self.size) < share)
            within = KeySet(chosen)
            index.search(queries[:1], 10, within)
            index.search(queries[:1], 10, within)
            found = milliseconds(
                lambda some, within=within: index.search(some, 10, within), queries[:50], 1
            )
            sample = measure_recall(
                lambda some, k, within=within: index.search(some, k, within),
                lambda some, k, within=within: index.search(some, k, within, exact=True),
                queries[:20],
            )
            figures[f"within {share}"] = {"ms": found, "recall": sample.recall}
        ranged = index.range_search(queries[:50], 0.9)
        figures["range 0.9"] = {
            "ms": milliseconds(lambda some: index.range_search(some, 0.9), queries[:50], 1),
            "found": len(ranged.keys) / 50,
            "incomplete": len(ranged.incomplete) / 50,
        }
        figures["memory searched"] = memory()
        return figures

    def remove(self) -> Figures:
        """Follow the log's removals and write a snapshot."""
        figures: Figures = {}
        view = timed(figures, "open", lambda: self._open(removals=True))
        figures["removed"] = timed(figures, "catch up", view.catch_up)
        timed(figures, "snapshot", lambda: view.snapshot(alone=True))
        figures["left"] = len(view.index)
        figures["memory"] = memory()
        return figures

    def verify(self) -> Figures:
        """Search for what was removed, and compare with the log."""
        figures: Figures = {}
        view = timed(figures, "open", lambda: self._open(removals=True))
        log = MadeUpLog(self.size, removals=True)
        some = log.removed[:: max(1, len(log.removed) // 200)]
        block = MadeUpGallery().block(0)
        gone = log.removed[log.removed < BLOCK]
        found = view.index.search(block[gone], 10)
        figures["removed found"] = int(np.isin(found.keys, log.removed).sum())
        figures["removed asked"] = len(gone)
        figures["left"] = len(view.index)
        figures["reconstructed of removed"] = len(view.index.reconstruct(some)[0])
        figures["problems"] = timed(
            figures, "check index", lambda: view.check_index(sample=_CHECKED)
        )
        figures["snapshot problems"] = timed(figures, "check snapshots", view.check_snapshots)
        figures["memory"] = memory()
        return figures

    @property
    def _views(self) -> Path:
        return self.folder / f"view-{self.name}"

    def _new(self) -> MappedIndex:
        return MappedIndex(DIMENSION, IN_MEMORY, None, self._rule)

    def _open(self, *, removals: bool) -> Any:
        log = MadeUpLog(self.size, removals=removals)
        view = VectorView.open(self._views, log, self._new, _POLICY)
        if view.watermark < self.size:
            raise SystemExit("The snapshot was not accepted: see the warning above.")
        return view


def timed(figures: Figures, name: str, act: Callable[[], Any]) -> Any:
    """Do something; add its seconds, on the clock and of the processor, to the figures."""
    wall, busy = perf_counter(), process_time()
    result = act()
    before = figures.get(f"s {name}", [0.0, 0.0])
    figures[f"s {name}"] = [
        round(before[0] + perf_counter() - wall, 2),
        round(before[1] + process_time() - busy, 2),
    ]
    print(name, figures[f"s {name}"], flush=True)
    return result


def milliseconds(
    search: Callable[[NDArray[np.float32]], Any], queries: NDArray[np.float32], at_once: int
) -> list[float]:
    """Return milliseconds for each query: median on the clock, mean of the processor."""
    clock, busy = [], process_time()
    for start in range(0, len(queries), at_once):
        before = perf_counter()
        search(queries[start : start + at_once])
        clock.append((perf_counter() - before) / at_once)
    mean = (process_time() - busy) / len(queries)
    return [round(1e3 * float(np.median(clock)), 3), round(1e3 * mean, 3)]


def memory() -> dict[str, float]:
    """Return this process's memory in GB: its own, mapped files', and the most of both."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    names = {"own": "RssAnon", "mapped files": "RssFile", "peak of both": "VmHWM"}
    return {name: round(int(lines[key].split()[0]) / 1e6, 3) for name, key in names.items()}


def main() -> None:
    """Run the steps that are left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--binary", action="store_true", help="codes of a bit a dimension")
    parser.add_argument("step", choices=("all", *STEPS))
    arguments = parser.parse_args()
    run = Run(arguments.folder, arguments.size, binary=arguments.binary)
    if arguments.step == "all":
        binary = ["--binary"] if arguments.binary else []
        common = ["--folder", str(arguments.folder), "--size", str(arguments.size), *binary]
        for step in STEPS:
            subprocess.run([sys.executable, __file__, *common, step], check=True)
        return
    result = run.folder / f"{run.name}-{arguments.step}.json"
    if not result.exists():
        figures = getattr(run, arguments.step)()
        result.write_text(json.dumps(figures, indent=1) + "\n")
    print(arguments.step, result.read_text())


if __name__ == "__main__":
    main()
