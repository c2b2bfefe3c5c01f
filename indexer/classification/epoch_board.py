"""Epoch board: the figures of a training for TensorBoard."""

from pathlib import Path
from typing import Any

from indexer.errors import InputError
from indexer.model.training.network_fit import EpochFigures


class EpochBoard:
    """Writes figures to a folder that TensorBoard shows.

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
        self._writer.add_scalars(
            "loss",
            {"training": figures.loss, "held out": figures.validation_loss},
            figures.epoch,
        )
        self._writer.add_scalar("accuracy, held out", figures.validation_accuracy, figures.epoch)
        self._writer.add_scalar("learning rate", figures.rate, figures.epoch)
        self._writer.flush()
