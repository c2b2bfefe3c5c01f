"""Descriptors of a model: descriptor.json and semantic.json, the recipes of its embeddings.

Feature maps are taken on the way through the network, and a small head makes an embedding of them;
the classes still come from the same forward pass. The head in descriptor.json is trained to tell
copies apart, and a folder without one embeds as timm pools. The one in semantic.json reduces what
the network knows of a picture's kind, and a folder without one has no semantic embeddings.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from indexer.errors import InvalidModel

FORMAT: Final = 1
_HIGHEST_POWER: Final = 32.0


@dataclass(frozen=True, slots=True)
class Tap:
    """One place in the network, and how its output becomes a vector."""

    module: str  # timm's name of the submodule, such as blocks.4
    power: float  # of the generalised mean (GeM): 1 is the average, large is nearly the maximum


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A head for embeddings: what it reads, what it is and where it comes from."""

    name: str
    version: str
    taps: tuple[Tap, ...]
    dimension: int  # length of the embeddings it makes
    training: Mapping[str, Any]  # how it was made; told, never used

    def __str__(self) -> str:
        """Return what cards call it."""
        return f"{self.name} {self.version}"


def read_descriptor(path: Path) -> Descriptor:
    """Read descriptor.json or semantic.json.

    Raises
    ------
    InvalidModel
        The file cannot be read, is of a later format, or a value is missing or out of bounds.
    """
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidModel(
            f"{path} cannot be read as JSON: {error}. Fetch the model again, or delete this file "
            "and the .safetensors of its name to do without this head."
        ) from error
    match stated:
        case {
            "format": 1,
            "name": str(name),
            "version": str(version),
            "taps": [_, *_] as taps,
            "dimension": int(dimension),
            **rest,
        } if dimension > 0:
            pass
        case _:
            raise InvalidModel(
                f'{path} must state "format" {FORMAT}, "name", "version", "taps" and "dimension". '
                "Write it with `lookalike model train-descriptor`, or use a newer version of this "
                "program."
            )
    training = rest.get("training", {})
    if not isinstance(training, dict):
        raise InvalidModel(f'"training" in {path} must be an object, got {training!r}.')
    return Descriptor(
        name=name,
        version=version,
        taps=tuple(_tap(tap, path) for tap in taps),
        dimension=dimension,
        training=training,
    )


def write_descriptor(descriptor: Descriptor, path: Path) -> None:
    """Write a descriptor as `read_descriptor` takes it."""
    stated = {
        "format": FORMAT,
        "name": descriptor.name,
        "version": descriptor.version,
        "taps": [{"module": tap.module, "power": tap.power} for tap in descriptor.taps],
        "dimension": descriptor.dimension,
        "training": descriptor.training,
    }
    path.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def _tap(stated: Any, path: Path) -> Tap:
    match stated:
        case {"module": str(module), "power": float() | int() as power} if (
            module and 1 <= power <= _HIGHEST_POWER
        ):
            return Tap(module, float(power))
        case _:
            raise InvalidModel(
                f'A tap in {path} must state "module", a name, and "power", a number from 1 to '
                f"{_HIGHEST_POWER:g}, got {stated!r}."
            )
