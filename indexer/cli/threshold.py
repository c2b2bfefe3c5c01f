"""`threshold`: calibration and cards of thresholds."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, ModelReference, load, opened
from indexer.cli.output import print_json, print_table
from indexer.types import RateUnit, Signal, ThresholdCard, Tier

_GALLERY = "gallery"

app = Commands(help="Calibrate and show thresholds.")


class SignalName(StrEnum):
    """The signals that have a threshold."""

    PDQ = Signal.PDQ.value
    FUSED = Signal.FUSED.value


class Signals(StrEnum):
    """Which signals to calibrate."""

    ALL = "all"
    PDQ = Signal.PDQ.value
    FUSED = Signal.FUSED.value


class TierName(StrEnum):
    """The tiers that a threshold decides."""

    NEAR_DUPLICATE = Tier.NEAR_DUPLICATE.value
    LOOKALIKE = Tier.LOOKALIKE.value


OfBank = Annotated[
    str | None,
    typer.Option(
        "--bank", metavar="NAME", help="For this bank; by default for all banks and the gallery."
    ),
]
OfTier = Annotated[
    TierName | None,
    typer.Option("--tier", help="By default near_duplicate for pdq, else lookalike."),
]


@app.command()
def calibrate(
    signal: Annotated[Signals, typer.Option(help="Signal to calibrate.")] = Signals.ALL,
    tier: OfTier = None,
    bank: OfBank = None,
    *,
    target: Annotated[
        float, typer.Option(help="Share of innocent images that may match: 1e-4 is 1 in 10,000.")
    ] = 1e-4,
    per: Annotated[
        RateUnit | None,
        typer.Option(
            help="Denominator of the share; by default upload, if there are enough images."
        ),
    ] = None,
    background: Annotated[
        str,
        typer.Option(metavar="FOLDER|gallery", help="The innocent images."),
    ] = _GALLERY,
    sample: Annotated[
        int, typer.Option(min=2, help="Maximum number of innocent images, and of references.")
    ] = 10_000,
    model: ModelReference = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the cards.")] = False,
    as_json: AsJson = False,
) -> None:
    """Calibrate thresholds by false-match rate.

    Measures how often innocent images would match, and puts the thresholds in force. Each threshold
    becomes a card that verdicts cite. From the next query on it replaces the setting and the
    previous card.

    Example: lookalike threshold calibrate --bank known-unsafe --target 1e-4
    """
    from indexer.cli.threshold_calibrate import calibrate_thresholds
    from indexer.thresholds import Request

    settings = load(model)
    request = Request(
        signal=None if signal is Signals.ALL else Signal(signal.value),
        tier=Tier(tier.value) if tier else None,
        bank=bank,
        target=target,
        unit=per,
        background=None if background == _GALLERY else Path(background),
        most=sample,
    )
    with opened(settings) as store:
        calibrate_thresholds(store, settings, request, dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_cards(
    *,
    every: Annotated[bool, typer.Option("--all", help="Include retired cards.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the threshold cards in force.

    Newest first. Where there is no card, the setting holds.

    Example: lookalike threshold list --json
    """
    with opened() as store, store.reader() as catalog:
        cards = catalog.cards.page(retired=every)
    if as_json:
        print_json(cards)
        return
    print_table(
        "Threshold cards",
        ["card", "signal", "tier", "bank", "bound", "target", "measured", "state", "space"],
        [_row(card) for card in cards],
    )


@app.command()
def show(
    card: Annotated[int | None, typer.Argument(metavar="CARD", help="The card's number.")] = None,
    signal: Annotated[
        SignalName, typer.Option(help="Without a number: signal of the card in force.")
    ] = SignalName.FUSED,
    tier: OfTier = None,
    bank: OfBank = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a threshold card and its evidence.

    How innocent images score, and what moving the threshold would do. Pairs that analysts confirmed
    as copies are scored too, if the index holds both images.

    Example: lookalike threshold show --signal fused --tier lookalike
    """
    from indexer.cli.card_view import print_card
    from indexer.cli.threshold_calibrate import open_weighing
    from indexer.thresholds import copy_scores, find_card, positions

    settings = load()
    with opened(settings) as store:
        weighing = open_weighing(store, settings)
        with store.reader() as catalog:
            shown = (
                catalog.cards.get(card)
                if card is not None
                else find_card(
                    catalog, Signal(signal.value), Tier(tier.value) if tier else None, bank
                )
            )
            copies = copy_scores(catalog, shown, settings, weighing)
    near = positions(shown, copies)
    if as_json:
        print_json({"card": shown, "copies": len(copies), "positions": near})
    else:
        print_card(shown, near, len(copies))


def _row(card: ThresholdCard) -> tuple[object, ...]:
    return (
        card.id,
        card.signal,
        card.tier,
        card.bank,
        f"{card.value:g}",
        f"{card.target_rate:g} of {card.unit}s",
        f"{card.rate:.2g} ({card.rate_low:.2g} to {card.rate_high:.2g})",
        "retired" if card.retired_at else "in force",
        card.space,
    )
