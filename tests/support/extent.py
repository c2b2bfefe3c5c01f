"""How much the suite does: the short way of `make test`, or all of it with `--all`."""

from typing import TypeVar

T = TypeVar("T")


class _Extent:
    everything = False


def take_everything(everything: bool) -> None:
    """Say which way it is, before any test is collected."""
    _Extent.everything = everything


def extent(short: T, everything: T) -> T:
    """Return the first the short way, and the second with `--all`."""
    return everything if _Extent.everything else short
