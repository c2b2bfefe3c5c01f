"""Configuration of a model: its folder's config.json, validated before timm reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import InvalidModel


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The part of config.json that is read here; timm reads the rest itself."""

    architecture: str
    model_args: Mapping[str, Any]
    multi_label: bool = False  # ours: each class is judged alone


def read_config(path: Path) -> ModelConfig:
    """Read config.json.

    Raises
    ------
    InvalidModel
        The file cannot be read, is not a JSON object, or names no architecture.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidModel(
            f"{path} cannot be read as JSON: {error}. Fetch the model's config.json again."
        ) from error
    match config:
        case {"architecture": str(architecture), **rest}:
            pass
        case _:
            raise InvalidModel(
                f'{path} has no "architecture". It must be a config.json as timm writes it for '
                "the hub (`timm.models.save_for_hf`)."
            )
    model_args = rest.get("model_args", {})
    if not isinstance(model_args, dict):
        raise InvalidModel(f'"model_args" in {path} must be an object, got {model_args!r}.')
    multi_label = rest.get("multi_label", False)
    if not isinstance(multi_label, bool):
        raise InvalidModel(f'"multi_label" in {path} must be true or false, got {multi_label!r}.')
    return ModelConfig(architecture, model_args, multi_label)


def read_labels(names: Any, count: int, path: Path) -> tuple[str, ...]:
    """Return one label a class, in the order of the classifier's outputs.

    Parameters
    ----------
    names : list, tuple, dict or None
        timm's `label_names`: a list, or an object from class number to name. None gives
        class_0, class_1 ...
    count : int
        Outputs of the classifier.
    path : Path
        The config.json that they come from, for the message.

    Raises
    ------
    InvalidModel
        The labels are not `count` different names.
    """
    if names is None:
        return tuple(f"class_{number}" for number in range(count))
    given = names
    if isinstance(names, dict):
        given = [names.get(str(number)) for number in range(count)]
    if (
        not isinstance(given, (list, tuple))
        or not all(isinstance(name, str) and name for name in given)
        or not len(names) == len(given) == len(set(given)) == count
    ):
        raise InvalidModel(
            f'"label_names" in {path} must be {count} different names, one for each output of the '
            f"classifier, got {names!r}."
        )
    return tuple(given)
