"""Threshold cards on a terminal: text and histogram."""

from collections.abc import Iterator, Sequence
from math import log
from typing import Final

from indexer.cli.output import print_table
from indexer.runtime.terminal import echo
from indexer.thresholds import Position
from indexer.types import NewCard, Signal, ThresholdCard

_ROWS: Final = 24  # of a histogram, about
_WIDTH: Final = 38  # characters of its longest bar


def bound_of(card: NewCard) -> str:
    """Say the bound, and in which direction it works."""
    if card.signal is Signal.PDQ:
        return f"at most {card.value:g} bits"
    kind = "cosine similarity" if card.signal is Signal.EMBEDDING else "log-odds"
    return f"{kind} of at least {card.value:g}"


def measured_of(card: NewCard) -> str:
    """Say what was measured at the bound, and how sure that is."""
    return (
        f"{card.false_positives} of {card.trials} {card.unit}s of innocent pictures reach it: "
        f"{card.rate:.2g} (95 % confidence: {card.rate_low:.2g} to {card.rate_high:.2g}), target "
        f"{card.target_rate:g}"
    )


def sources_of(card: NewCard) -> str:
    """Say where the rate of other sources lies, or why that is not known."""
    if card.prediction_low is None or card.prediction_high is None:
        return (
            "other sources: unknown; put each source of innocent pictures into a folder of its "
            "own, at least 10"
        )
    return (
        f"other sources: 95 % of collections of {card.source_count} sources, as these are, have a "
        f"rate of {card.prediction_low:.2g} to {card.prediction_high:.2g}"
    )


def uploads_of(card: NewCard) -> str:
    """Say what was compared with what."""
    return (
        f"{card.background_images} innocent pictures ({card.background}), each compared with "
        f"{card.reference_count} references"
    )


def print_card(card: ThresholdCard, near: Sequence[Position], copies: int) -> None:
    """Print a card, the histogram that it rests on, and what bounds near it would do."""
    where = f"bank {card.bank}" if card.bank else "every bank and the gallery"
    state = f"retired {card.retired_at:%Y-%m-%d}" if card.retired_at else "in force"
    echo(f"Card {card.id}: {card.signal}, {card.tier}, {where}, {state}")
    echo(f"  {bound_of(card)}, calibrated {card.created_at:%Y-%m-%d %H:%M} UTC")
    echo(f"  {measured_of(card)}")
    echo(f"  {sources_of(card)}")
    echo(f"  {uploads_of(card)}")
    if card.space:
        echo(f"  space {card.space}")
    echo()
    print_table(
        "How innocent pictures score (bars grow with the logarithm)",
        ["from", "comparisons", "pictures", ""],
        list(_histogram_rows(card)),
    )
    echo()
    print_table(
        "What moving it would do",
        ["bound", "innocent comparisons", "innocent pictures", f"of {copies} known copies"],
        [_position_row(position, card) for position in near],
    )


def _position_row(position: Position, card: NewCard) -> tuple[object, ...]:
    is_nearest = abs(position.value - card.value) <= card.histogram.width / 2
    mark = " ◄" if is_nearest else ""
    return (
        f"{position.value:g}{mark}",
        f"{position.comparisons} ({position.comparisons / card.comparisons:.2g})",
        f"{position.uploads} ({position.uploads / card.background_images:.2g})",
        "none known" if position.found is None else position.found,
    )


def _histogram_rows(card: NewCard) -> Iterator[tuple[object, ...]]:
    """Yield a row for each group of bins, closest first, with the bound marked."""
    histogram, nearest_first = card.histogram, card.signal is Signal.PDQ
    counts, uploads = histogram.comparisons, histogram.uploads
    used = [row for row, count in enumerate(counts) if count] or [0]
    first, last = _range_to_show(card, used)
    group = max(1, -(-(last - first + 1) // _ROWS))
    starts = range(first, last + 1, group)
    longest = log(1 + max(sum(counts[start : start + group]) for start in starts))
    for start in starts if nearest_first else reversed(starts):
        count = sum(counts[start : start + group])
        low = histogram.low + start * histogram.width
        high = low + group * histogram.width
        bar = "█" * round(_WIDTH * log(1 + count) / longest) if longest else ""
        mark = f" ◄ {card.value:g}" if low <= card.value < high else ""
        yield f"{low:.4g}", count, sum(uploads[start : start + group]), f"{bar}{mark}"


def _range_to_show(card: NewCard, used: Sequence[int]) -> tuple[int, int]:
    """Return the first and last bin to draw: those with counts, and that of the bound."""
    bound = int((card.value - card.histogram.low) / card.histogram.width + 1e-9)
    bound = min(max(bound, 0), len(card.histogram.comparisons) - 1)
    return min(used[0], bound), max(used[-1], bound)
