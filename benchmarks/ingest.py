"""Measure how close index add comes to the limits of the machine, and how far ahead of a loop.

Everything below runs once, one after the other, over the same real photos:

- naive loop: PIL, timm's transform, one picture a forward pass, torch with its default threads
- DataLoader: the same in torch's DataLoader, a worker a core, batches of 32
- ours: `lookalike index add` into a new SQLite index, with torch and with ONNX Runtime; the rate is
  the command's own, from its first picture to its last commit
- limits, on one core each: the forward pass alone (inputs in memory), and all that comes before it
  (read, hash, decode, PDQ, prepare)

The peers only embed and classify; ours also hashes, fingerprints and commits every picture.

Example: python benchmarks/ingest.py ../shared/bench/dev/refs --count 1000
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from commands import COMMAND
from indexer.runtime.cpu import limit_library_threads

WARM_UP = 16


def main() -> None:
    """Measure each way and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of photos")
    parser.add_argument("--count", type=int, default=1000, help="photos to take")
    parser.add_argument("--only", help="measure one way, in this process (used by the script)")
    arguments = parser.parse_args()
    photos = sorted(p for p in arguments.folder.iterdir() if p.is_file())[: arguments.count]
    if arguments.only:
        print(PEERS[arguments.only](photos))
        return
    rates = {name: peer(name, arguments.folder, len(photos)) for name in PEERS}
    with tempfile.TemporaryDirectory() as links:
        for photo in photos:
            (Path(links) / photo.name).symlink_to(photo.resolve())
        for runtime in ("torch", "onnx"):
            rates[f"ours, {runtime}"] = ours(runtime, Path(links))
    print_table(rates, len(photos))


def peer(name: str, folder: Path, count: int) -> float:
    """Measure one way in a process of its own, so that none inherits another's threads."""
    command = [sys.executable, __file__, str(folder), "--count", str(count), "--only", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def ours(runtime: str, folder: Path) -> float:
    """Return the images a second that the command itself reports."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LOOKALIKE_HOME": home, "LOOKALIKE_RUNTIME": runtime}
        subprocess.run([COMMAND, "init"], env=environment, check=True, capture_output=True)
        done = subprocess.run(
            [COMMAND, "index", "add", str(folder), "--json"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    report = json.loads(done.stdout)
    return (report["added"] + report["duplicates"]) / report["seconds"]


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


def model_only(runtime: str) -> Callable[[Sequence[Path]], float]:
    """Measure the forward pass alone on one core, with the inputs in memory."""

    def measure(photos: Sequence[Path]) -> float:
        limit_library_threads()
        from indexer.images.decode import decode
        from indexer.settings import load_settings

        encoder, limits = our_encoder(runtime), load_settings().image_limits
        inputs = {p: encoder.prepare(decode(p.read_bytes(), limits).rgb) for p in photos[:200]}
        return rate(lambda photo: encoder.forward([inputs[photo]]), list(inputs))

    return measure


def before_the_model(photos: Sequence[Path]) -> float:
    """Measure read, hash, decode, PDQ and prepare on one core, as ingest does them."""
    limit_library_threads()
    from indexer.images import fingerprints
    from indexer.ingest.encoding import PictureEncoder
    from indexer.settings import load_settings

    preparer = PictureEncoder(our_encoder("onnx"), load_settings(), tiled=False)

    def one(photo: Path) -> object:
        data = photo.read_bytes()
        return preparer.prepare(data, fingerprints.sha256(data))

    return rate(one, photos)


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
    """Print images a second, and the ratio to the naive loop."""
    print(f"{count} photos, {os.cpu_count()} cores")
    print("| way | images/s | x naive loop |")
    print("|---|---|---|")
    for name, value in rates.items():
        print(f"| {name} | {value:.1f} | {value / rates['naive loop']:.2f} |")


PEERS: dict[str, Callable[[Sequence[Path]], float]] = {
    "naive loop": naive_loop,
    "DataLoader": data_loader,
    "limit, one core: forward, torch": model_only("torch"),
    "limit, one core: forward, ONNX Runtime": model_only("onnx"),
    "limit, one core: all before the model": before_the_model,
}


if __name__ == "__main__":
    main()
