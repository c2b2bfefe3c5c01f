"""Classifiers of one's own: how good they are, by how much of the network is trained.

    python benchmarks/training.py FOLDER WORK [--way "probe, features" --way head ...] [--seeds 3]

FOLDER has a folder for each class, see benchmarks/training_sets.py; WORK is for the models. Every
way is measured on the same images held out (a fifth, by groups), once for each seed, which divides
anew.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from PIL import Image

COMMAND = str(Path(sys.executable).with_name("lookalike"))
WAYS = {
    "probe, features": ["--depth", "probe"],
    "probe, embedding": ["--depth", "probe", "--input", "embedding"],
    "head": ["--depth", "head"],
    "full": ["--depth", "full"],
}
_PIXELS = 16


def by_pixels(folder: Path, seed: int) -> dict[str, float]:
    """Fit the same probe to the pixels of images made tiny: what needs no network."""
    from indexer.classification.class_metrics import evaluate_scores
    from indexer.classification.data_split import hold_out
    from indexer.classification.labelled_images import read_labelled
    from indexer.classification.labelled_sources import find_labelled
    from indexer.classification.probe_fit import fit_probe, probabilities
    from indexer.classification.training_set import groups_of
    from indexer.settings import Settings

    settings = Settings()

    def shrink(rgb: np.ndarray) -> np.ndarray:
        small = Image.fromarray(rgb).resize((_PIXELS, _PIXELS), Image.Resampling.BOX)
        return np.asarray(small, np.float32).ravel()

    images, rows = read_labelled(find_labelled(folder, settings), settings, shrink)
    inputs, groups = np.stack(rows), groups_of(images, settings)
    fit, test = hold_out(images.targets, groups, images.classes, seed)
    probe = fit_probe(inputs[fit], images.targets[fit], groups[fit], multi_label=False, seed=seed)
    scores = probabilities(probe.logits(inputs[test]).astype(float), multi_label=False)
    found = evaluate_scores(
        scores, images.targets[test], images.classes, groups[test], multi_label=False
    )
    return {
        "accuracy": found.accuracy.share,
        "balanced": found.balanced_accuracy,
        "map": found.mean_average_precision.value,
        "ece": found.calibration.ece,
        "majority": found.majority_accuracy,
        "seconds": float("nan"),
        "images": len(images),
        "held_out": found.images,
    }


def by_command(folder: Path, out: Path, options: list[str], seed: int) -> dict[str, float]:
    """Train by the command itself."""
    shutil.rmtree(out, ignore_errors=True)
    command = [COMMAND, "model", "train", str(folder), "--out", str(out), "--json"]
    done = subprocess.run(
        [*command, "--seed", str(seed), *options], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    told = json.loads(done.stdout)
    found = told["evaluation"]
    return {
        "accuracy": found["accuracy"]["share"],
        "balanced": found["balanced_accuracy"],
        "map": found["mean_average_precision"]["value"],
        "ece": found["calibration"]["ece"],
        "majority": found["majority_accuracy"],
        "seconds": told["seconds"],
        "images": told["data"]["images"],
        "held_out": found["images"],
    }


def main() -> None:
    """Print a table of the ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--way", action="append", choices=[*WAYS, "pixels"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--option", action="append", default=[], help="passed on to the command")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    print("| way | accuracy | balanced | mean AP | ECE | seconds |\n|---|---|---|---|---|---|")
    for way in given.way or ["pixels", *WAYS]:
        runs = []
        for seed in range(given.seeds):
            if way == "pixels":
                runs.append(by_pixels(given.folder, seed))
            else:
                out = given.work / way.replace(", ", "-")
                runs.append(by_command(given.folder, out, [*WAYS[way], *given.option], seed))
        mean = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
        spread = float(np.std([run["accuracy"] for run in runs]))
        print(
            f"| {way} | {mean['accuracy']:.3f} ± {spread:.3f} | {mean['balanced']:.3f} "
            f"| {mean['map']:.3f} | {mean['ece']:.3f} | {mean['seconds']:.0f} |",
            flush=True,
        )
    print(
        f"\n{mean['images']:.0f} images, {mean['held_out']:.0f} held out, {given.seeds} seeds; the "
        f"commonest class alone: {mean['majority']:.3f}"
    )


if __name__ == "__main__":
    main()
