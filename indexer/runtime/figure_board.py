"""Figure board: the figures of a training for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.errors import InputError


class FigureBoard:
    """Writes figures to a folder that TensorBoard shows.

    A training that goes on after a kill adds a file to the folder, and its steps to the charts.

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

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write figures by their names, such as `loss/training`."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()
