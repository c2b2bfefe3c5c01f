"""Score scale of each signal: its ends, its bins, and the bounds between."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from indexer.thresholds.picture_matrix import FAR
from indexer.types import Signal

_DECIMALS: Final = 10_000  # bounds are rounded to four, so that people can read and repeat them
_SLACK: Final = 1e-6  # of rounding when the same cosine is computed in another order


@dataclass(frozen=True, slots=True)
class Scale:
    """How closeness is measured: higher is closer, for PDQ the distance with its sign turned."""

    signal: Signal
    low: float  # the least closeness
    high: float  # the greatest
    bin_width: float

    @property
    def bins(self) -> int:
        """How many bins of the histogram cover the scale."""
        return round((self.high - self.low) / self.bin_width) + 1

    def as_value(self, closeness: float) -> float:
        """Return a closeness as people know it: bits for PDQ."""
        return 0.0 - closeness if self.signal is Signal.PDQ else closeness

    def bound_above(self, closeness: float) -> float:
        """Return the lowest bound, as a closeness, that leaves out what is as close as this."""
        if self.signal is Signal.PDQ:
            return closeness + 1
        return ceil((closeness + _SLACK) * _DECIMALS) / _DECIMALS


_SCALES: Final = {
    Signal.PDQ: Scale(Signal.PDQ, -float(FAR), 0.0, 1.0),
    Signal.FUSED: Scale(Signal.FUSED, -40.0, 60.0, 0.25),  # nats
}


def scale_of(signal: Signal) -> Scale:
    """Return the scale of a signal that has a threshold."""
    return _SCALES[signal]
