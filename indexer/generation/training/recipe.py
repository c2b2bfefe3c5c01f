"""Recipe of a fine-tuning."""

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """What is trained."""

    LORA = "lora"  # low-rank matrices beside the UNet's weights (Hu et al. 2021)
    TEXTUAL_INVERSION = "textual-inversion"  # the embedding of one new token (Gal et al. 2022)


@dataclass(frozen=True, slots=True)
class AdapterRecipe:
    """How an adapter is trained."""

    method: Method
    steps: int
    batch: int
    learning_rate: float
    every: int  # steps between two measurements, validation sheets and checkpoints
    size: int | None = None  # pixels of a picture's side; None is the pipeline's own
    seed: int = 0
    rank: int = 8  # of LoRA's matrices
    token: str = ""  # that textual inversion adds
    initial_words: str = ""  # whose mean embedding the token begins as
    min_snr: float | None = None  # most signal-to-noise ratio that counts; None weighs all alike
    mean_decay: float = 0.99  # of the weights' exponential mean, once it has warmed up
    weight_decay: float = 0.01
