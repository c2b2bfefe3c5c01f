"""Checkpoint of a training: its state in a file that is always whole."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from indexer.errors import InputError, UnreadableSource

_TRAINING = "training"


class Checkpoint:
    """The newest state of one training.

    Parameters
    ----------
    path : Path
    training : dict
        What the state belongs to: a state of anything else is refused.
    """

    def __init__(self, path: Path, training: dict[str, Any]) -> None:
        self._path = path
        self._training = json.dumps(training, sort_keys=True)

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """Return the state; None where there is none.

        Raises
        ------
        InputError
            It is of another training, or damaged.
        """
        if not self._path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self._path, map_location=device, weights_only=True)
            training = state.pop(_TRAINING)
        except Exception as error:  # torch raises many types for a damaged file
            raise InputError(
                f"{self._path} is not a readable checkpoint ({error}). Delete it to begin again."
            ) from error
        if training != self._training:
            raise InputError(
                f"{self._path} is the checkpoint of a training with other images or options. "
                "Repeat those to go on with it, or delete it to begin again."
            )
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Replace the state in one step.

        Raises
        ------
        UnreadableSource
            The file cannot be written.
        """
        unfinished = self._path.with_name(f"{self._path.name}.unfinished")
        try:
            with unfinished.open("wb") as file:
                torch.save({**state, _TRAINING: self._training}, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._path)
        except OSError as error:
            raise UnreadableSource(f"{self._path} cannot be written: {error}.") from error
