"""Body of `threshold calibrate`, with progress."""

from indexer.cli.card_view import bound_of, measured_of, sources_of, uploads_of
from indexer.cli.output import print_json, print_table
from indexer.cli.progress import show_progress
from indexer.embedding_space import bound_space, load_bound_encoder, model_reference
from indexer.model import load_traits
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.store import Store
from indexer.thresholds import Calibration, CalibrationRun, Request, Weighing, put_in_force
from indexer.types import RateUnit, query_bias

_SHOWN_PAIRS = 3  # on a terminal; --json has all


def open_weighing(store: Store, settings: Settings) -> Weighing:
    """Return how similarity and PDQ become log-odds in the space of the index."""
    traits = load_traits(model_reference(store, settings))
    background, usual = traits.background, traits.fusion.bias
    return Weighing(traits.fusion, lambda embeddings: query_bias(embeddings, background, usual))


def calibrate_thresholds(
    store: Store, settings: Settings, request: Request, *, dry_run: bool, as_json: bool
) -> None:
    """Calibrate, put the cards in force unless it is a dry run, and print them."""
    space = bound_space(store)
    with show_progress() as on_progress:
        run = CalibrationRun(
            store,
            space,
            settings,
            open_weighing(store, settings),
            lambda: load_bound_encoder(store, settings)[0],
            on_progress,
        )
        calibrations = run.run(request)
    cards = [c.card for c in calibrations] if dry_run else put_in_force(store, calibrations)
    if as_json:
        print_json(
            [
                {"card": card, "closest": calibration.closest}
                for card, calibration in zip(cards, calibrations, strict=True)
            ]
        )
        return
    for calibration in calibrations:
        _print_calibration(calibration, request)
    if dry_run:
        echo("Dry run: nothing was changed.")
    else:
        echo("In force from the next query on. `lookalike threshold list` shows the cards.")


def _print_calibration(calibration: Calibration, request: Request) -> None:
    card = calibration.card
    where = f"bank {card.bank}" if card.bank else "every bank and the gallery"
    echo(f"{card.signal}, {card.tier}, {where}: {bound_of(card)}")
    echo(f"  {measured_of(card)}")
    echo(f"  {sources_of(card)}")
    echo(f"  {uploads_of(card)}")
    if request.unit is None and card.unit is RateUnit.COMPARISON:
        echo(
            f"  {card.background_images} innocent images are too few to measure a rate of "
            f"{card.target_rate:g} per upload, so it is per comparison: an upload compared "
            "with N references has up to N times the rate. --per upload is stricter."
        )
    if card.rate_high > card.target_rate:
        echo(
            "  The images do not prove the target: the rate may be as high as "
            f"{card.rate_high:.2g}. Use more innocent images."
        )
    pairs = [
        (f"{pair.value:g}", pair.query, pair.reference)
        for pair in calibration.closest[:_SHOWN_PAIRS]
    ]
    echo("  The closest pairs of innocent images; copies among them make it too strict:")
    print_table(None, [card.signal, "innocent picture", "reference"], pairs)
