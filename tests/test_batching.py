from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.errors import UnusableOutput
from indexer.model import Encoder, load_encoder
from indexer.types import Encoding
from search_api.admission.batching import BatchingEncoder, batching


class Counting:
    """Notes the size of each forward pass; a picture of NaN has no usable answer."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def forward(self, prepared: Sequence[Any]) -> Encoding:
        self.sizes.append(len(prepared))
        return self._encoder.forward(prepared)


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(str(tiny_model), "cpu", "torch")


def pixels(encoder: Encoder, number: int) -> Any:
    random = np.random.default_rng(number)
    return encoder.prepare(random.integers(0, 256, (80, 80, 3), np.uint8))


def test_each_answer_is_that_of_its_picture_alone(encoder: Encoder) -> None:
    counting: Any = Counting(encoder)
    together = BatchingEncoder(counting, batch_size=8, window=0.05)
    pictures = [[pixels(encoder, 10 * n + i) for i in range(n % 3 + 1)] for n in range(40)]

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(together.forward, pictures))

    for asked, answer in zip(pictures, answers, strict=True):
        alone = encoder.forward(asked)
        np.testing.assert_allclose(answer.embeddings, alone.embeddings, atol=1e-5)
        np.testing.assert_allclose(answer.probabilities, alone.probabilities, atol=1e-5)
        np.testing.assert_allclose(together.embed(asked), alone.embeddings, atol=1e-5)
    assert max(counting.sizes) > 3  # those of several requests
    assert max(counting.sizes) <= 8


def test_a_picture_without_usable_answer_fails_no_other(encoder: Encoder) -> None:
    together = BatchingEncoder(encoder, batch_size=4, window=0.5)
    good = pixels(encoder, 1)
    bad = np.full_like(good, np.nan)

    with ThreadPoolExecutor(3) as pool:
        fine, mixed, alone = (
            pool.submit(together.forward, asked) for asked in ([good], [good, bad], [bad])
        )

    expected = encoder.forward([good]).embeddings
    np.testing.assert_allclose(fine.result().embeddings, expected, atol=1e-5)
    with pytest.raises(UnusableOutput) as raised:
        mixed.result()
    assert raised.value.rows == (1,)
    with pytest.raises(UnusableOutput):
        alone.result()


def test_a_failure_reaches_everybody_and_the_next_batch_runs(encoder: Encoder) -> None:
    together = BatchingEncoder(encoder, batch_size=4, window=0.01)

    with pytest.raises(ValueError, match="shape"):
        together.forward([np.zeros((3, 4, 4), np.float32), pixels(encoder, 1)])

    assert together.forward([pixels(encoder, 1)]).embeddings.shape[0] == 1


def test_nothing_in_gives_nothing_out(encoder: Encoder) -> None:
    assert len(BatchingEncoder(encoder, batch_size=4).forward([]).embeddings) == 0


def test_a_cpu_is_not_made_to_wait_for_batches(encoder: Encoder) -> None:
    assert batching(encoder) is encoder
