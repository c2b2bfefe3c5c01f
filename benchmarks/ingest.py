"""Measure how close index add comes to the limits of the machine, and how far ahead of a loop.

Everything below runs once, one after the other, over the same real photos:

- naive loop: PIL, timm's transform, one picture a forward pass, torch with its default threads
- DataLoader: the same in torch's DataLoader, a worker a core, batches of 32
- ours: `lookalike index add` into a new SQLite index, with torch and with ONNX Runtime; the rate is
  the command's own, from its first picture to its last commit
- ours, by workers: the same photos as an ingest job, and as many `lookalike index work` processes
  of one thread as there are cores; the rate is from the first start of a part to the last end
- stages, on one core each: all that is stored of a photo, each stage alone, with what it needs in
  memory, in processor time. Read and hash; prepare (decode, MD5, PDQ, thumbnail, local features,
  the pieces that are cut out, each scaled for the model); forward passes, of the photo and its
  pieces; commit

What the cores could do if all stages were shared out perfectly is `cores / sum of the stages'
seconds`. It is measured twice: with one process, and with a process on each core at once, since
cores that share memory, caches or clock speed do less together than each alone.

What is missing from that limit is processor time beside the stages, and idle cores: both are those
of the whole command, less those of the same command over one photo, which is mostly its start. On
a busy machine the rates and the idle cores say nothing, and processor times say little less.

The peers only embed and classify; ours also hashes, fingerprints and commits every picture.

Example: python benchmarks/ingest.py ../shared/bench/dev/refs --count 1000
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from commands import COMMAND
from indexer.runtime.cpu import limit_library_threads

WARM_UP = 16
BATCH = 32  # photos of a transaction, as LOOKALIKE_BATCH_SIZE has it
PART = 100  # photos of a part of a job
STAGES = "stages"


@dataclass(frozen=True)
class Cost:
    """What a command took from its start to its end."""

    seconds: float
    processor: float  # seconds of all cores
    faults: int  # pages that the system cleared or mapped

    def __sub__(self, other: "Cost") -> "Cost":
        """Return what it took more than another one."""
        return Cost(
            self.seconds - other.seconds,
            self.processor - other.processor,
            self.faults - other.faults,
        )


def main() -> None:
    """Measure each way and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of photos")
    parser.add_argument("--count", type=int, default=1000, help="photos to take")
    parser.add_argument("--ours", action="store_true", help="leave the peers and torch out")
    parser.add_argument("--only", help="measure one way, in this process (used by the script)")
    parser.add_argument("--core", type=int, help="with --only: the core to keep to")
    arguments = parser.parse_args()
    photos = sorted(p for p in arguments.folder.iterdir() if p.is_file())[: arguments.count]
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    if arguments.only:
        print(json.dumps(ONLY[arguments.only](photos)))
        return
    peers = [] if arguments.ours else list(PEERS)
    rates = {name: measure(name, arguments.folder, len(photos)) for name in peers}
    alone = measure(STAGES, arguments.folder, len(photos))
    together = at_once(arguments.folder, len(photos))
    with linked(photos) as links, linked(photos[:1]) as first:
        _, start = ours("onnx", first)
        for runtime in ("onnx",) if arguments.ours else ("torch", "onnx"):
            rates[f"ours, {runtime}"], whole = ours(runtime, links)
        rates["ours, onnx, by workers"] = ours_by_workers(links)
    print_table(rates, len(photos))
    print_stages(alone, together, rates)
    print_rest(whole - start, together, len(photos) - 1)


@contextmanager
def linked(photos: Sequence[Path]) -> Iterator[Path]:
    """Make a folder of links to photos."""
    with tempfile.TemporaryDirectory() as folder:
        for photo in photos:
            (Path(folder) / photo.name).symlink_to(photo.resolve())
        yield Path(folder)


def measure(name: str, folder: Path, count: int) -> Any:
    """Measure one way in a process of its own, so that none inherits another's threads."""
    done = subprocess.run(child(name, folder, count), capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def at_once(folder: Path, count: int) -> dict[str, float]:
    """Measure the stages by a process on each core at the same time; return the mean seconds."""
    command = child(STAGES, folder, count)
    processes = [
        subprocess.Popen([*command, "--core", str(core)], stdout=subprocess.PIPE, text=True)
        for core in sorted(os.sched_getaffinity(0))
    ]
    found = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    return {name: sum(each[name] for each in found) / len(found) for name in found[0]}


def child(name: str, folder: Path, count: int) -> list[str]:
    """Return the command that measures one way."""
    return [sys.executable, __file__, str(folder), "--count", str(count), "--only", name]


def ours(runtime: str, folder: Path) -> tuple[float, Cost]:
    """Return the images a second that the command itself reports, and what all of it took."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LOOKALIKE_HOME": home, "LOOKALIKE_RUNTIME": runtime}
        subprocess.run([COMMAND, "init"], env=environment, check=True, capture_output=True)
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [COMMAND, "index", "add", str(folder), "--follow-links", "--json"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(done.stdout)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    cost = Cost(seconds, processor, after.ru_minflt - before.ru_minflt)
    return (report["added"] + report["duplicates"]) / report["seconds"], cost


def ours_by_workers(folder: Path) -> float:
    """Return the images a second that a worker for each core adds together."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LOOKALIKE_HOME": home, "LOOKALIKE_WORKER_THREADS": "1"}
        queue = ["--follow-links", "--queue", "--part-size", str(PART)]
        add = ["index", "add", str(folder), *queue]
        for command in (["init"], add):
            subprocess.run([COMMAND, *command], env=environment, check=True, capture_output=True)
        workers = [
            subprocess.Popen(
                [COMMAND, "index", "work"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in os.sched_getaffinity(0)
        ]
        for worker in workers:
            worker.wait()
        done = subprocess.run(
            [COMMAND, "index", "job", "parts", "job-1", "--json"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    parts = json.loads(done.stdout)
    begun = min(datetime.fromisoformat(part["started_at"]) for part in parts)
    ended = max(datetime.fromisoformat(part["ended_at"]) for part in parts)
    return sum(part["processed"] for part in parts) / (ended - begun).total_seconds()


def rate(action: Callable[[Path], object], photos: Sequence[Path]) -> float:
    """Return photos a second, after a few to warm up."""
    for photo in photos[:WARM_UP]:
        action(photo)
    start = time.perf_counter()
    for photo in photos:
        action(photo)
    return len(photos) / (time.perf_counter() - start)


def naive_loop(photos: Sequence[Path]) -> float:
    """Open, transform and infer one picture after the other."""
    import torch

    model, transform = plain_model()
    from PIL import Image

    def one(photo: Path) -> object:
        with Image.open(photo) as image, torch.inference_mode():
            return one_pass(model, transform(image.convert("RGB"))[None])

    return rate(one, photos)


def data_loader(photos: Sequence[Path]) -> float:
    """Transform in worker processes, infer in batches."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    model, transform = plain_model()

    class Photos(Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(photos)

        def __getitem__(self, index: int) -> torch.Tensor:
            with Image.open(photos[index]) as image:
                tensor: torch.Tensor = transform(image.convert("RGB"))
                return tensor

    loader = DataLoader(Photos(), batch_size=32, num_workers=os.cpu_count() or 1)
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in loader:
            one_pass(model, batch)
    return len(photos) / (time.perf_counter() - start)


def stages(photos: Sequence[Path]) -> dict[str, float]:
    """Measure each stage of what is stored alone, on one core; return seconds a photo."""
    limit_library_threads()
    from indexer.images import fingerprints
    from indexer.ingest.encoding import PictureEncoder
    from indexer.settings import load_settings

    encoder = PictureEncoder(our_encoder("onnx"), load_settings(), tiled=False)
    seconds = dict.fromkeys(("read and hash", "prepare", "forward passes", "commit"), 0.0)

    def timed(stage: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        result = call(*arguments)
        seconds[stage] += time.process_time() - start
        return result

    def read(photo: Path) -> tuple[bytes, bytes]:
        data = photo.read_bytes()
        return data, fingerprints.sha256(data)

    with tempfile.TemporaryDirectory() as home, new_store(Path(home)) as (store, space):
        encoder.encode([encoder.prepare(*read(photo)) for photo in photos[:WARM_UP]])
        for start in range(0, len(photos), BATCH):
            batch = photos[start : start + BATCH]
            loaded = [timed("read and hash", read, photo) for photo in batch]
            prepared = [timed("prepare", encoder.prepare, *each) for each in loaded]
            made = [timed("forward passes", encoder.encode, [each])[0] for each in prepared]
            timed("commit", write, store, space, batch, made)
    return {name: each / len(photos) for name, each in seconds.items()}


@contextmanager
def new_store(home: Path) -> Iterator[tuple[Any, Any]]:
    """Make an empty SQLite index."""
    from indexer.embedding_space import bind_space
    from indexer.settings import load_settings
    from indexer.store import open_store, upgrade

    settings = load_settings(home=home)
    upgrade(settings.resolved_database_url)
    with open_store(settings.resolved_database_url) as store:
        yield store, bind_space(store, settings)


def write(store: Any, space: Any, photos: Sequence[Path], images: Sequence[Any]) -> None:
    """Commit a batch as a run does."""
    from indexer.store import Arrival
    from indexer.types import SourceStamp

    stamps = [SourceStamp(str(photo), photo.stat().st_size, "1") for photo in photos]
    with store.writer() as writer:
        rows = [(image, Arrival(stamp)) for image, stamp in zip(images, stamps, strict=True)]
        writer.images.add(rows, space.id)
        writer.quarantine.release([stamp.uri for stamp in stamps])


def our_encoder(runtime: str) -> Any:
    """Load the shipped model on a runtime."""
    from indexer.model import load_encoder
    from indexer.settings import SHIPPED_MODEL, load_settings

    settings = load_settings()
    return load_encoder(SHIPPED_MODEL, "cpu", runtime=runtime, cache=settings.home / "models")


def plain_model() -> tuple[Any, Any]:
    """Load the shipped model as plain timm code does."""
    import timm
    from timm.data import create_transform, resolve_data_config

    from indexer.model.references import resolve
    from indexer.settings import SHIPPED_MODEL

    folder = resolve(SHIPPED_MODEL).path
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    return model, create_transform(**resolve_data_config({}, model=model), is_training=False)


def one_pass(model: Any, batch: Any) -> tuple[Any, Any]:
    """Return probabilities and embedding of a batch."""
    embedding = model.forward_head(model.forward_features(batch), pre_logits=True)
    return model.get_classifier()(embedding).softmax(1), embedding


def print_table(rates: dict[str, float], count: int) -> None:
    """Print images a second, and the ratio to the naive loop where it was measured."""
    naive = rates.get("naive loop")
    print(f"{count} photos, {len(os.sched_getaffinity(0))} cores")
    print("| way | images/s | x naive loop |")
    print("|---|---|---|")
    for name, value in rates.items():
        print(f"| {name} | {value:.1f} | {f'{value / naive:.2f}' if naive else ''} |")


def print_stages(
    alone: dict[str, float], together: dict[str, float], rates: dict[str, float]
) -> None:
    """Print milliseconds a photo by stage, what all cores could do, and how much ours does."""
    print("| stage | ms a photo, one core alone | all cores at once |")
    print("|---|---|---|")
    for name, value in alone.items():
        print(f"| {name} | {1000 * value:.2f} | {1000 * together[name]:.2f} |")
    limits = [len(os.sched_getaffinity(0)) / sum(seconds.values()) for seconds in (alone, together)]
    print(f"| limit, images/s on all cores | {limits[0]:.1f} | {limits[1]:.1f} |")
    for name in ("ours, onnx", "ours, onnx, by workers"):
        shares = " | ".join(f"{rates[name] / limit:.3f}" for limit in limits)
        print(f"| share of it, {name} | {shares} |")


def print_rest(cost: Cost, together: dict[str, float], count: int) -> None:
    """Print what a photo takes of both cores beside its stages."""
    cores, stages = len(os.sched_getaffinity(0)), sum(together.values())
    print("| of a photo in `index add` | ms of a core |")
    print("|---|---|")
    print(f"| its stages, as measured alone | {1000 * stages:.2f} |")
    print(f"| other processor time | {1000 * (cost.processor / count - stages):.2f} |")
    print(f"| cores idle | {1000 * (cores * cost.seconds - cost.processor) / count:.2f} |")
    print(f"| page faults, number | {cost.faults / count:.0f} |")


PEERS: dict[str, Callable[[Sequence[Path]], float]] = {
    "naive loop": naive_loop,
    "DataLoader": data_loader,
}
ONLY: dict[str, Callable[[Sequence[Path]], Any]] = {**PEERS, STAGES: stages}


if __name__ == "__main__":
    main()
