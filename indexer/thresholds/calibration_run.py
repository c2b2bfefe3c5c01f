"""Calibration run: from the request to threshold cards, signal by signal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from indexer.model import Encoder
from indexer.settings import Settings
from indexer.store import Store
from indexer.thresholds.background_folder import read_folder
from indexer.thresholds.background_set import Sampler
from indexer.thresholds.calibration import Calibration, Sample, calibrate
from indexer.thresholds.calibration_targets import (
    DEFAULT_TARGET,
    SIGNALS,
    CalibrationTarget,
    tiers_of,
)
from indexer.thresholds.pairwise_scores import CopyRule, Weighing
from indexer.thresholds.picture_matrix import Pictures
from indexer.types import RateUnit, Signal, Space, Tier

_COPY_NATS: Final = 12.0
"""Weight of the embedding from which two innocent pictures are copies: no false positive of PDQ."""

Progress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Request:
    """Which thresholds to calibrate, and by which pictures."""

    signal: Signal | None = None  # None: each that decides the tier
    tier: Tier | None = None  # None: the usual one of each signal
    bank: str | None = None  # None: thresholds for every bank and the gallery
    target: float = DEFAULT_TARGET
    unit: RateUnit | None = None  # None: uploads where there are enough, else comparisons
    background: Path | None = None  # a folder of innocent pictures; None: the gallery's
    most: int = 10_000  # pictures taken, of either side

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals to calibrate."""
        if self.signal is not None:
            return (self.signal,)
        return tuple(s for s in SIGNALS if self.tier is None or self.tier in tiers_of(s))

    def targets(self, space: Space) -> list[CalibrationTarget]:
        """Return what to calibrate: one threshold for each signal.

        Raises
        ------
        InputError
            A signal does not decide the tier, or the target is no rate to aim at.
        """
        targets = [
            CalibrationTarget(
                signal,
                self.tier or tiers_of(signal)[0],
                self.bank,
                space.id,
                self.target,
                self.unit,
            )
            for signal in self.signals
        ]
        for aim in targets:
            aim.check()
        return targets


class CalibrationRun:
    """Calibrates thresholds of one index.

    Parameters
    ----------
    store : Store
    space : Space
    settings : Settings
    weighing : Weighing
    open_encoder : callable
        Loads the model of the space; called only for pictures that the index does not hold.
    on_progress : callable
    """

    def __init__(
        self,
        store: Store,
        space: Space,
        settings: Settings,
        weighing: Weighing,
        open_encoder: Callable[[], Encoder],
        on_progress: Progress = lambda _what, _done, _total: None,
    ) -> None:
        self._store = store
        self._space = space
        self._settings = settings
        self._weighing = weighing
        self._open_encoder = open_encoder
        self._on_progress = on_progress

    def run(self, request: Request) -> list[Calibration]:
        """Calibrate the thresholds asked for; nothing is stored yet.

        Raises
        ------
        InputError
            The request is impossible, or there are too few pictures.
        NotFoundError
            There is no such bank.
        UnreadableSource
            The folder cannot be read.
        """
        targets = request.targets(self._space)
        return [
            calibrate(
                aim,
                sample,
                self._weighing,
                pdq_max_distance=self._settings.pdq_max_distance,
                on_progress=partial(self._on_progress, f"comparing by {aim.signal}"),
            )
            for aim, sample in zip(targets, self._samples(request), strict=True)
        ]

    def _samples(self, request: Request) -> list[Sample]:
        """Gather the pictures for each signal."""
        background = self._read(request)
        with self._store.reader() as catalog:
            sampler = Sampler(catalog, self._space, self._settings, request.bank, request.most)
            if background is None:
                copies = CopyRule(self._settings.pdq_max_distance, _COPY_NATS)
                return [sampler.of_gallery(signal, copies) for signal in request.signals]
            name = f"folder {request.background}"
            return [sampler.of_background(background, name, signal) for signal in request.signals]

    def _read(self, request: Request) -> Pictures | None:
        if request.background is None:
            return None
        return read_folder(
            request.background,
            self._store,
            self._open_encoder(),
            self._settings,
            request.most,
            partial(self._on_progress, "reading"),
        )
