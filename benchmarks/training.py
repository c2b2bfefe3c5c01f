"""Classifiers of one's own: how good they are, by how much of the network is trained.

    python benchmarks/training.py FOLDER WORK --way probe-features --way head [--seeds 0 1 2]
    python benchmarks/training.py FOLDER WORK --few 20 --few 50 --way full --seeds 0
    python benchmarks/training.py FOLDER WORK

FOLDER has a folder for each class, see benchmarks/training_sets.py. Each run is added to
WORK/runs.jsonl, and all runs of FOLDER are printed as tables: those of seed 0, and means over
seeds. Without --way they are only printed.

A seed divides anew: all ways of one seed are measured on the same images, a fifth by groups. With
--few, so many images of each class are drawn, and a way is given no others; of those `model train`
holds a fifth out as ever, and the figures are of all images that were not drawn.
"""

import argparse
import csv
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("LOOKALIKE_RUNTIME", "torch")  # exports no network that was just made
import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from commands import run
from indexer.classification.class_metrics import evaluate_scores
from indexer.classification.data_split import Rows, hold_out
from indexer.classification.labelled_images import LabelledImages, read_labelled
from indexer.classification.labelled_sources import find_labelled
from indexer.classification.network_run import NetworkOptions, train_network
from indexer.classification.probe_fit import fit_probe, probabilities
from indexer.classification.training_set import groups_of
from indexer.embedding_space import find_model
from indexer.model import load_extractor, resolve
from indexer.model.training.network_fit import FitRecipe
from indexer.settings import Settings

_INPUTS = {"pixels": "pixels", "probe-features": "features", "probe-embedding": "embedding"}
_DEPTHS = {"head": "head", "full": "full"}
_SCRATCH = "scratch"
WAYS = ("majority", *_INPUTS, *_DEPTHS, _SCRATCH)
_PIXELS = 16
_NAMES = ("accuracy", "balanced", "macro_f1", "auroc", "map")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadSet:
    """A labelled set, with all that a probe may read of it."""

    images: LabelledImages
    groups: NDArray[np.int64]
    inputs: dict[str, NDArray[np.float32]]

    def draw(self, few: int, seed: int) -> tuple[Rows, Rows]:
        """Draw so many images of each class; return them, and those that no group joins to them."""
        order = np.random.default_rng(seed).permutation(len(self.images))
        drawn = []
        for column in self.images.targets.T:
            drawn.extend(order[column[order]][:few])
        rest = ~np.isin(self.groups, self.groups[drawn])
        return np.sort(np.array(drawn)), np.flatnonzero(rest)

    def write_manifest(self, rows: Rows, file: Path) -> None:
        """Write a manifest of some images."""
        with file.open("w", encoding="utf-8", newline="") as out:
            lines = csv.writer(out)
            lines.writerow(["path", "label", "source"])
            for row in rows:
                source = self.images.sources[row]
                lines.writerow([source.uri, source.labels[0], source.origin or ""])


def read_set(folder: Path, settings: Settings) -> ReadSet:
    """Read all images once."""
    extractor = load_extractor(
        find_model(settings), settings.device, settings.runtime, settings.resolved_model_cache
    )

    def make(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        small = Image.fromarray(rgb).resize((_PIXELS, _PIXELS), Image.Resampling.BOX)
        found = extractor.extract(extractor.prepare(rgb)[np.newaxis])
        pixels = np.asarray(small, np.float32).ravel()
        return pixels, found.features.reshape(-1), found.embeddings.reshape(-1)

    found = find_labelled(folder, settings)
    images, rows = read_labelled(found, settings, make, at_least=extractor.decode_size)
    kinds = zip(_INPUTS.values(), zip(*rows, strict=True), strict=True)
    inputs = {kind: np.stack(values) for kind, values in kinds}
    return ReadSet(images, groups_of(images, settings), inputs)


def by_rows(labelled: ReadSet, way: str, few: int | None, seed: int) -> Figures:
    """Fit a probe to what was read, as the command does; or answer the commonest class."""
    images, groups = labelled.images, labelled.groups
    rows, test = (np.arange(len(images)), None) if few is None else labelled.draw(few, seed)
    fit, held = hold_out(images.targets[rows], groups[rows], images.classes, seed)
    fit, test = rows[fit], rows[held] if test is None else test
    begun = perf_counter()
    if way == "majority":
        scores = np.tile(images.targets[test].mean(axis=0), (len(test), 1))
    else:
        inputs = labelled.inputs[_INPUTS[way]]
        probe = fit_probe(
            inputs[fit], images.targets[fit], groups[fit], multi_label=False, seed=seed
        )
        logits = probe.logits(inputs[test]).astype(float)
        scores = probabilities(logits, multi_label=False)
    found = evaluate_scores(
        scores, images.targets[test], images.classes, groups[test], multi_label=False
    )
    return {**figures(asdict(found)), "seconds": perf_counter() - begun, "fit": len(fit)}


def by_training(
    place: Path, out: Path, way: str, seed: int, options: Sequence[str], settings: Settings
) -> Figures:
    """Train a network, by the command or from scratch."""
    for old in (out, out.with_name(f"{out.name}.training")):
        shutil.rmtree(old, ignore_errors=True)
    if way == _SCRATCH:
        parser = argparse.ArgumentParser()
        parser.add_argument("--epochs", type=int, default=15)
        given, _ = parser.parse_known_args(options)
        recipe = FitRecipe(
            blocks=None,
            epochs=given.epochs,
            learning_rate=2e-3,
            layer_decay=1.0,
            fixed_statistics=False,
            seed=seed,
        )
        base = without_weights(find_model(settings), out.with_name("untrained"), seed)
        told = asdict(
            train_network(
                str(base),
                place,
                out,
                settings,
                NetworkOptions("full", recipe),
                on_stage=lambda *_what: None,
                on_epoch=lambda each: print(f"  {each}", flush=True),
            )
        )
    else:
        command = ["model", "train", str(place), "--out", str(out), "--depth", _DEPTHS[way]]
        told = run(os.environ, *command, "--seed", str(seed), *options).report
    return {
        **figures(told["evaluation"]),
        "seconds": told["seconds"],
        "fit": told["data"]["images"] - told["evaluation"]["images"],
        "best_epoch": told["recipe"]["best epoch"],
    }


def without_weights(base: str, folder: Path, seed: int) -> Path:
    """Write a model folder of the same architecture whose weights are random."""
    origin = resolve(base)
    config = json.loads(origin.config.read_text(encoding="utf-8"))
    torch.manual_seed(seed)
    network = timm.create_model(config["architecture"], **config["model_args"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(network.state_dict(), folder / origin.weights.name)
    shutil.copyfile(origin.config, folder / origin.config.name)
    return folder


def figures(evaluation: dict[str, Any]) -> Figures:
    """Take what a table shows from an evaluation."""
    accuracy, mean = evaluation["accuracy"], evaluation["mean_average_precision"]
    return {
        "accuracy": accuracy["share"],
        "accuracy_interval": [accuracy["low"], accuracy["high"]],
        "balanced": evaluation["balanced_accuracy"],
        "macro_f1": evaluation["macro_f1"],
        "auroc": float(np.mean([each["auroc"] for each in evaluation["classes"]])),
        "map": mean["value"],
        "map_interval": [mean["low"], mean["high"]],
        "ece": evaluation["calibration"]["ece"],
        "held_out": evaluation["images"],
    }


def one_run(
    labelled: ReadSet, given: argparse.Namespace, way: str, few: int | None, seed: int
) -> Figures:
    """Measure one way once."""
    if way not in (*_DEPTHS, _SCRATCH):
        return by_rows(labelled, way, few, seed)
    settings, out = Settings(), given.work / way
    if few is None:
        return by_training(given.folder, out, way, seed, given.option, settings)
    drawn, rest = labelled.draw(few, seed)
    parts = given.work / "drawn.csv", given.work / "rest.csv"
    for rows, file in zip((drawn, rest), parts, strict=True):
        labelled.write_manifest(rows, file)
    found = by_training(parts[0], out, way, seed, given.option, settings)
    asked = run(os.environ, "model", "evaluate", str(parts[1]), "--model", str(out))
    return {**found, **figures(asked.report["evaluation"])}


def print_tables(runs: Sequence[Figures]) -> None:
    """Print the runs of the first seed, with intervals; then the means over several seeds."""
    ordered = sorted(runs, key=lambda each: (each["few"] or 0, WAYS.index(each["way"])))
    print(
        "\n| way | learnt from | accuracy | balanced | macro-F1 | AUROC | mean AP | ECE | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for each in ordered:
        if each["seed"] == 0:
            print(f"| {_way(each)} | {_of(each)} | {_first_seed(each)} |")
    several = defaultdict(list)
    for each in ordered:
        if not each["again"] and each["way"] != "majority":
            several[_way(each), _of(each)].append(each)
    print("\n| way | learnt from | seeds | accuracy | balanced | macro-F1 | AUROC | mean AP |")
    print("|---|---|---|---|---|---|---|---|")
    for (way, of), rows in several.items():
        if len(rows) > 1:
            print(f"| {way} | {of} | {len(rows)} | {_over_seeds(rows)} |")


def _way(found: Figures) -> str:
    return f"{found['way'].replace('-', ', ')}{', again' if found['again'] else ''}"


def _of(found: Figures) -> str:
    return f"{found['few']} a class" if found["few"] else "four fifths"


def _first_seed(found: Figures) -> str:
    """Write figures, with 95 % intervals of two of them."""
    cells = []
    for name in _NAMES:
        low_high = found.get(f"{name}_interval")
        interval = f" ({low_high[0]:.3f} to {low_high[1]:.3f})" if low_high else ""
        cells.append(f"{found[name]:.3f}{interval}")
    return " | ".join([*cells, f"{found['ece']:.3f}", f"{found['seconds']:.0f}"])


def _over_seeds(rows: Sequence[Figures]) -> str:
    """Write means and standard deviations."""
    values = {name: [row[name] for row in rows] for name in _NAMES}
    return " | ".join(f"{np.mean(of):.3f} ± {np.std(of, ddof=1):.3f}" for of in values.values())


def main() -> None:
    """Add runs, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--way", action="append", choices=WAYS, default=[])
    parser.add_argument("--few", action="append", type=int, default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--option", action="append", default=[], help="passed on to the command")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    file = given.work / "runs.jsonl"
    name = given.folder.resolve().name
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    runs = [each for each in known if each["set"] == name]
    if not given.way:
        print_tables(runs)
        return
    labelled = read_set(given.folder, Settings())
    for way in given.way:
        for few in given.few or [None]:
            for seed in given.seeds:
                key = {"set": name, "way": way, "few": few, "seed": seed, "option": given.option}
                again = any(key.items() <= each.items() for each in runs)
                found = {**key, "again": again, **one_run(labelled, given, way, few, seed)}
                runs.append(found)
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(found) + "\n")
                print(way, few, seed, f"balanced accuracy {found['balanced']:.3f}", flush=True)
    print_tables(runs)


if __name__ == "__main__":
    main()
