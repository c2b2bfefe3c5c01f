"""Fusion file of a model: its folder's fusion.json, the weights of the signals in its space."""

import hashlib
import json
from dataclasses import asdict, replace
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any, Final

from indexer.errors import InvalidModel
from indexer.model.descriptor import read_descriptor
from indexer.model.references import ModelFolder
from indexer.types import Curve, Fusion

FUSION: Final = "fusion.json"
_FORMAT: Final = 1
_LEAST_POINTS: Final = 2
_VERSION_DIGITS: Final = 8


def read_fusion(folder: ModelFolder) -> Fusion | None:
    """Read the fusion of a model; None where it has none.

    Raises
    ------
    InvalidModel
        The file is damaged, of a later format, or was fitted to another head than the folder's.
    """
    path = folder.path / FUSION
    if not path.is_file():
        return None
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        fusion, head = _parse(stated), stated["descriptor"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidModel(
            f"{path} cannot be used: {type(error).__name__}: {error}. Fetch the model again, or "
            "delete the file: cautious weights that fit any model are used then."
        ) from error
    own = read_descriptor(folder.descriptor).version if folder.descriptor else None
    if head != own:
        raise InvalidModel(
            f"{path} was fitted to the head {head}, and the folder holds {own}. Fetch the model "
            "again, or fit it with `lookalike model fit-fusion`."
        )
    return fusion


def write_fusion(
    fusion: Fusion, descriptor: str | None, fitted: dict[str, Any], path: Path
) -> Fusion:
    """Write fusion.json as `read_fusion` takes it, and return it with its version.

    Parameters
    ----------
    fusion : Fusion
    descriptor : str or None
        Version of the head that its embeddings come from.
    fitted : dict
        On what it was fitted; told, never used.
    path : Path
    """
    stated = {"format": _FORMAT, "descriptor": descriptor, **asdict(fusion), "fitted": fitted}
    del stated["version"]
    path.write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")
    return replace(fusion, version=_version(json.loads(json.dumps(stated))))


def _parse(stated: dict[str, Any]) -> Fusion:
    if stated["format"] != _FORMAT:
        raise ValueError(f"its format is {stated['format']!r}, and {_FORMAT} can be read")
    return Fusion(
        version=_version(stated),
        prior=_number(stated["prior"]),
        embedding=_curve(stated["embedding"]),
        pdq=_curve(stated["pdq"]),
        details=_curve(stated["details"]),
        bias=_number(stated["bias"]),
        near_duplicate=_number(stated["near_duplicate"]),
        lookalike=_number(stated["lookalike"]),
        embedding_alone=_number(stated["embedding_alone"]),
        pdq_alone=_number(stated["pdq_alone"]),
    )


def _version(stated: dict[str, Any]) -> str:
    """Return what names the weights: all of the file but how it was fitted."""
    weighed = {name: value for name, value in stated.items() if name != "fitted"}
    data = json.dumps(weighed, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:_VERSION_DIGITS]


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return float(value)


def _curve(stated: Any) -> Curve:
    values = tuple(_number(value) for value in stated["values"])
    nats = tuple(_number(value) for value in stated["nats"])
    if len(values) != len(nats) or len(values) < _LEAST_POINTS:
        raise ValueError("a curve needs as many nats as values, at least two")
    if any(left >= right for left, right in pairwise(values)):
        raise ValueError("the values of a curve must ascend")
    rising = [left <= right for left, right in pairwise(nats)]
    falling = [left >= right for left, right in pairwise(nats)]
    if not (all(rising) or all(falling)):
        raise ValueError("a curve must be monotone")
    return Curve(values, nats)
