"""`model reembed`: options, progress and result."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from indexer.cli.options import AsJson, ModelReference, RuntimeChoice, load, opened
from indexer.cli.output import counted, print_facts, print_json
from indexer.errors import InputError
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # they load the model's libraries
    from indexer.ingest import MissingImage, TransferPlan, TransferReport
    from indexer.settings import Settings
    from indexer.store import Store

_SHOWN: Final = 20  # images listed on a terminal; --json lists the first thousand


def reembed(
    model: ModelReference = None,
    runtime: RuntimeChoice = None,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Only count what would be done.")] = False,
    from_thumbnails: Annotated[
        bool,
        typer.Option(
            "--from-thumbnails",
            help="Use the thumbnails of images whose files are gone or changed.",
        ),
    ] = False,
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing",
            help="Bring the index over even if images stay behind; they match by hash only.",
        ),
    ] = False,
    drop_old: Annotated[
        bool,
        typer.Option("--drop-old", help="Afterwards delete the embeddings of other models."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the index over to another model.

    Embeds every image again from its files, then binds the index to the model in one step. Until
    then the index works as before. Safe to interrupt at any moment and to run again. If images
    cannot be embedded, they are listed with the reason, the index stays as it is, and the exit
    code is 2. Running servers follow by themselves. With the index's own model it computes what is
    missing, such as the semantic embeddings of images that were added by an earlier version.

    Example: lookalike model reembed --model my-model --plan
    """
    settings = load(model, runtime)
    with opened(settings) as store:
        if plan:
            _print_plan(store, settings, as_json=as_json)
            return
        report = _transfer(store, settings, from_thumbnails, allow_missing, drop_old)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.interrupted:
        raise KeyboardInterrupt
    if not report.active:
        raise typer.Exit(InputError.exit_code)


def _transfer(
    store: "Store",
    settings: "Settings",
    from_thumbnails: bool,  # noqa: FBT001 -- an option of the command
    allow_missing: bool,  # noqa: FBT001 -- likewise
    drop_old: bool,  # noqa: FBT001 -- likewise
) -> "TransferReport":
    from indexer.cli.interruption import stop_at_ctrl_c
    from indexer.cli.progress import show_progress
    from indexer.embedding_space import bound_space
    from indexer.ingest import TransferOptions, TransferReport, open_transfer
    from indexer.upkeep.space_removal import drop_other_spaces
    from indexer.vector_views import write_snapshots

    with show_progress() as reporter, stop_at_ctrl_c() as stop:

        def show(report: TransferReport) -> None:
            detail = f"{report.missing_count:,} missing" if report.missing_count else ""
            reporter("embedding", report.done, report.wanted, detail)

        report = open_transfer(store, settings).run(
            TransferOptions(from_thumbnails, allow_missing), on_progress=show, stop=stop
        )
        if report.active:
            reporter("writing views", 0, None)
            write_snapshots(store, bound_space(store), settings)
            if drop_old:
                reporter("dropping old embeddings", 0, None)
                report.dropped = drop_other_spaces(store, settings)
    return report


def _print_plan(store: "Store", settings: "Settings", *, as_json: bool) -> None:
    from indexer.ingest import plan_transfer

    plan = plan_transfer(store, settings)
    if as_json:
        print_json(plan)
        return
    print_facts("Plan", _plan_facts(plan))
    echo("No file was opened for this, and nothing was written.")


def _plan_facts(plan: "TransferPlan") -> Iterator[tuple[str, object]]:
    yield "model", plan.model
    yield "space", f"{plan.space} (the index's)" if plan.active else plan.space
    yield "images", plan.images
    yield "embedded already", plan.ready
    yield "to embed from sources", plan.with_source
    yield "with a thumbnail only", plan.thumbnail_only
    yield "with neither", plan.without


def _print_report(report: "TransferReport") -> None:
    embedded = report.embedded + report.approximate
    echo(
        f"{counted(embedded, 'image', 'images')} of {report.wanted:,} embedded by {report.model}, "
        f"{report.images_per_second:.1f} a second."
    )
    if report.approximate:
        echo(
            f"{report.approximate:,} of them from their thumbnails: their embeddings are "
            "approximate. The audit log names them."
        )
    for image in report.missing[:_SHOWN]:
        echo(f"missing {_describe(image)}", err=True)
    if report.missing_count > _SHOWN:
        echo(f"... and {report.missing_count - _SHOWN} more: --json lists them.", err=True)
    for line in _outcome(report):
        echo(line)


def _describe(image: "MissingImage") -> str:
    where = f", {image.source}" if image.source else ""
    return f"image {image.image_id}{where}: {image.reason} ({image.code})"


def _outcome(report: "TransferReport") -> Iterator[str]:
    """Yield what holds now, and what to do next."""
    if not report.active:
        missing = counted(report.missing_count, "image", "images")
        yield f"The index is still bound to space {report.before[:12]}: run the same command again."
        if report.missing_count:
            yield f"{missing} could not be embedded. Put their files back, or remove the images."
            if any(image.has_thumbnail for image in report.missing):
                yield "With --from-thumbnails, kept thumbnails are used."
            yield "With --allow-missing, the index is brought over without them."
        return
    yield f"The index is bound to {report.model}, space {report.space[:12]}."
    if unmatched := report.missing_count - report.missing_semantics:
        missing = counted(unmatched, "image", "images")
        yield f"{missing} match by hash only. Add their files again to change that."
    if report.missing_semantics:
        missing = counted(report.missing_semantics, "image", "images")
        yield f"{missing} stay without a semantic embedding: runs of hdbscan and kmeans omit them."
    if report.space != report.before:
        yield from _next_steps(report)
    if report.dropped is not None:
        yield f"The embeddings of other models were deleted, of {report.dropped:,} images."


def _next_steps(report: "TransferReport") -> Iterator[str]:
    """Yield what to do once the index is bound to another space."""
    if report.stale_cards:
        cards = counted(report.stale_cards, "threshold card", "threshold cards")
        yield f"{cards} of the earlier space no longer hold: run `lookalike threshold calibrate`."
    yield "Clusters are of the earlier space: run `lookalike cluster run`."
    yield "Restart servers of one worker: until then they answer from the earlier space."
    if report.dropped is None:
        yield "Its embeddings are kept, so that you can go back; `space drop` deletes them."
