"""Calibration targets: which threshold, at which false-positive rate."""

from dataclasses import dataclass
from typing import Final

from indexer.errors import InputError
from indexer.types import RateUnit, Signal, Tier

DEFAULT_TARGET: Final = 1e-4
HIGHEST_TARGET: Final = 0.01
EPSILON: Final = 1e-9  # so that 1e-4 of 10,000 is 1
_TIERS: Final = {  # that a signal can decide, the usual one first
    Signal.PDQ: (Tier.NEAR_DUPLICATE,),
    Signal.FUSED: (Tier.LOOKALIKE, Tier.NEAR_DUPLICATE),
}
SIGNALS: Final = tuple(_TIERS)
"""The signals that have a threshold."""


def tiers_of(signal: Signal) -> tuple[Tier, ...]:
    """Return the tiers that a signal can decide, the usual one first.

    Raises
    ------
    InputError
        The signal has no threshold, as with equal bytes.
    """
    if signal not in _TIERS:
        raise InputError(
            f"{signal} has no threshold to calibrate. Choose one of {', '.join(_TIERS)}."
        )
    return _TIERS[signal]


@dataclass(frozen=True, slots=True)
class CalibrationTarget:
    """Which threshold is wanted, at which rate."""

    signal: Signal
    tier: Tier
    bank: str | None  # None: for every bank and the gallery
    space_id: int
    target: float = DEFAULT_TARGET
    unit: RateUnit | None = None  # None: uploads where there are enough, else comparisons

    def check(self) -> None:
        """Make sure that there is such a threshold and that it can be measured.

        Raises
        ------
        InputError
            The signal does not decide the tier, or the target is no rate to aim at.
        """
        if self.tier not in tiers_of(self.signal):
            named = " or ".join(tiers_of(self.signal))
            raise InputError(f"{self.signal} decides {named}, not {self.tier}. Choose that tier.")
        if not 0 < self.target <= HIGHEST_TARGET:
            raise InputError(
                f"The target rate is {self.target}. Choose one above 0 and up to {HIGHEST_TARGET}, "
                "such as 1e-4."
            )

    def unit_for(self, pictures: int) -> RateUnit:
        """Return the unit asked for; without one uploads, unless they are too few to tell."""
        if self.unit is not None:
            return self.unit
        enough = self.target * pictures >= 1 - EPSILON
        return RateUnit.UPLOAD if enough else RateUnit.COMPARISON
