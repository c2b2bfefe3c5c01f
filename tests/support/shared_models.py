"""Models that a test process loads once, however many tests and commands within it use them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

from indexer.model import Encoder, load_encoder
from indexer.runtime.cpu import Cores

_load = cache(load_encoder)


@cache
def _load_for(
    reference: str, device: str, runtime: str, folder: Path | None, count: int
) -> Encoder:
    return load_encoder(reference, device, runtime, folder, Cores(count))


@contextmanager
def models_loaded_once(*, for_commands: bool = False) -> Iterator[None]:
    """Load each model once; whoever brings cores of its own gets an encoder of its own.

    Commands bring cores, but use all of them and run one after the other: they share.
    """

    def load(
        reference: str, device: str, runtime: str, folder: Path | None, cores: Cores | None = None
    ) -> Encoder:
        if cores is None:
            return _load(reference, device, runtime, folder)
        if for_commands:
            return _load_for(reference, device, runtime, folder, cores.count)
        return load_encoder(reference, device, runtime, folder, cores)

    with patch("indexer.embedding_space.load_encoder", load):
        yield
