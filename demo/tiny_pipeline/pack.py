"""Pack what train.py made as the package's tiny pipeline: safetensors at half precision.

Example: python demo/tiny_pipeline/pack.py tiny/
"""

import argparse
import json
from pathlib import Path

from diffusers import AutoencoderKL, UNet2DConditionModel
from train import UnetState, new_scheduler

from indexer.generation.tiny import FOLDER


def main() -> None:
    """Write both networks, the scheduler and how long they were trained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path, help="folder that train.py wrote")
    parser.add_argument("--out", type=Path, default=FOLDER, help="by default the package's folder")
    arguments = parser.parse_args()
    pack(arguments.trained, arguments.out)


def pack(trained: Path, out: Path) -> None:
    """Write the networks at half precision; of a training that still runs, its last checkpoint."""
    unet, steps = load_unet(trained)
    unet.half().save_pretrained(out / "unet")
    AutoencoderKL.from_pretrained(trained / "vae").half().save_pretrained(out / "vae")
    for network in ("unet", "vae"):
        _drop_path(out / network / "config.json")
    new_scheduler().save_pretrained(out / "scheduler")
    (out / "training.json").write_text(json.dumps({"steps": steps}) + "\n")
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{out}: {size / 1e6:.1f} MB, {steps} steps")


def _drop_path(config: Path) -> None:
    """Drop from a network's configuration the folder that it was loaded from."""
    said = json.loads(config.read_text())
    said.pop("_name_or_path", None)
    config.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")


def load_unet(trained: Path) -> tuple[UNet2DConditionModel, int]:
    """Return the moving average of the UNet's weights, and the steps that it was trained."""
    if (trained / "unet").exists():
        steps = json.loads((trained / "training.json").read_text())["steps"]
        return UNet2DConditionModel.from_pretrained(trained / "unet"), steps
    state = UnetState(trained / "checkpoint.pt")
    _, steps = state.load()
    state.average.copy_to(state.model.parameters())
    return state.model, steps


if __name__ == "__main__":
    main()
