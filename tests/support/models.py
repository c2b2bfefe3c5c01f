"""Model folders for tests, in the layout of the hub."""

import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file

_PRETRAINED_CFG = {
    "custom_load": False,
    "input_size": [3, 384, 384],
    "fixed_input_size": True,
    "interpolation": "bicubic",
    "crop_pct": 1.0,
    "crop_mode": "center",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "num_classes": 2,
    "pool_size": None,
    "first_conv": "patch_embed.proj",
    "classifier": "head",
    "license": "apache-2.0",
}
MARQO_CONFIG = {
    "architecture": "vit_tiny_patch16_384",
    "num_classes": 2,
    "num_features": 192,
    "global_pool": "token",
    "label_names": ["NSFW", "SFW"],
    "pretrained_cfg": _PRETRAINED_CFG,
}
TINY_CONFIG = {
    "architecture": "lcnet_035",
    "num_classes": 3,
    "pretrained_cfg": _PRETRAINED_CFG
    | {
        "input_size": [3, 64, 64],
        "fixed_input_size": False,
        "num_classes": 3,
        "first_conv": "conv_stem",
        "classifier": "classifier",
    },
}


def make_marqo_like(folder: Path) -> Path:
    """Make a model with the configuration of Marqo/nsfw-image-detection-384 and random weights."""
    return make_model(folder, MARQO_CONFIG)


def make_tiny(folder: Path, **changes: Any) -> Path:
    """Make the smallest useful convolutional model; `changes` go into its config's top level."""
    return make_model(folder, {**TINY_CONFIG, **changes})


def make_model(folder: Path, config: dict[str, Any]) -> Path:
    """Write a config and random weights of its architecture; the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(config["architecture"], num_classes=config["num_classes"])
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def edit_config(folder: Path, *, pretrained: dict[str, Any] | None = None, **changes: Any) -> None:
    """Change values of a folder's config.json: top-level ones, and those of its pretrained_cfg."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    config["pretrained_cfg"] |= pretrained or {}
    path.write_text(json.dumps(config), encoding="utf-8")


def add_semantic(folder: Path, **changes: Any) -> Path:
    """Give the model of `make_tiny` a semantic head with random weights."""
    pooled = {"name": "semantic", "taps": [{"module": "global_pool", "power": 1}], "dimension": 12}
    return add_descriptor(folder, "semantic", **pooled | changes)


def add_descriptor(folder: Path, file: str = "descriptor", **changes: Any) -> Path:
    """Give the model of `make_tiny` a head with random weights; `changes` go into its JSON.

    The weights are the same at every call, so that a run exports the model once.
    """
    stated = {
        "format": 1,
        "name": "random",
        "version": "1",
        "taps": [{"module": "blocks.3", "power": 3}, {"module": "blocks.5", "power": 1}],
        "dimension": 16,
        **changes,
    }
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    channels: list[int] = []
    for tap in stated["taps"]:
        part = network.get_submodule(tap["module"])
        part.register_forward_hook(lambda _part, _in, out: channels.append(out.shape[1]))
    network(torch.zeros(1, *network.pretrained_cfg["input_size"]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        projection = torch.nn.Linear(sum(channels), stated["dimension"])
    tensors = {f"projection.{name}": value for name, value in projection.state_dict().items()}
    save_file(tensors, folder / f"{file}.safetensors")
    (folder / f"{file}.json").write_text(json.dumps(stated), encoding="utf-8")
    return folder
