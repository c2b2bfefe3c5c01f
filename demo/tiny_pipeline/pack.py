"""Pack what train.py made as the package's tiny pipeline: safetensors at half precision.

Example: python demo/tiny_pipeline/pack.py tiny/
"""

import argparse
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from indexer.generation.tiny import FOLDER

NETWORKS = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}


def main() -> None:
    """Write both networks, the scheduler and how long they were trained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path, help="folder that train.py wrote")
    parser.add_argument("--out", type=Path, default=FOLDER, help="by default the package's folder")
    arguments = parser.parse_args()
    pack(arguments.trained, arguments.out)


def pack(trained: Path, out: Path) -> None:
    """Copy the networks at half precision, and the scheduler and `training.json` as they are."""
    for name, kind in NETWORKS.items():
        network = kind.from_pretrained(trained / name, torch_dtype=torch.float16)
        network.save_pretrained(out / name)
    shutil.copytree(trained / "scheduler", out / "scheduler", dirs_exist_ok=True)
    if (trained / "training.json").exists():
        shutil.copy(trained / "training.json", out)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
