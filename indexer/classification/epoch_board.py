"""Epoch board: the figures of a training for TensorBoard."""

from pathlib import Path
from typing import Any

from indexer.errors import InputError
from indexer.model.training.network_fit import EpochFigures


class EpochBoard:
    """Writes figures to a folder that TensorBoard shows.

    A training that goes on after a kill adds a file to the folder, and its epochs to the charts.

    Raises
    ------
    InputError
        TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise InputError(
                "--report-to tensorboard needs TensorBoard: pip install 'lookalike[tensorboard]'."
            ) from error
        self._writer: Any = SummaryWriter(str(folder))

    def write(self, figures: EpochFigures) -> None:
        """Write the figures of one epoch."""
        scalars = {
            "loss/training": figures.loss,
            "loss/held_out": figures.validation_loss,
            "accuracy/held_out": figures.validation_accuracy,
            "learning_rate": figures.rate,
        }
        for tag, value in scalars.items():
            self._writer.add_scalar(tag, value, figures.epoch)
        self._writer.flush()
