"""`bank harden`: options, progress and result."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from indexer.cli.bank_entries import BankName
from indexer.cli.generate_options import Kinds, Model, Paintings
from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import counted, print_facts, print_json
from indexer.errors import InputError
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # they load the model's libraries
    from indexer.generation.edits import PictureEdit
    from indexer.hardening import HardeningReport
    from indexer.settings import Settings
    from indexer.store import Store

_SHOWN: Final = 20  # entries listed on a terminal; --json lists the first thousand
_RECIPES_SHOWN: Final = 5

Budget = Annotated[int, typer.Option(min=1, help="Most variants of an entry.")]
Strengths = Annotated[
    list[float] | None,
    typer.Option(
        "--strength",
        metavar="X",
        help="Strength of edits, up to 1; may be repeated; default 1.",
    ),
]
Styles = Annotated[
    list[str] | None,
    typer.Option(
        "--style",
        metavar="STYLE",
        help="Style, by name or number; may be repeated; default all 26.",
    ),
]


def harden(
    name: BankName,
    entry: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="Only this entry; may be repeated."),
    ] = None,
    *,
    budget: Budget = 4,
    kind: Kinds = None,
    strength: Strengths = None,
    style: Styles = None,
    painting: Paintings = None,
    model: Model = None,
    undo: Annotated[bool, typer.Option("--undo", help="Remove the variants again.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only count what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let entries match edited copies that they miss.

    Edits the picture of each entry, finds the edited copies that the entry does not match, and
    stores the few that match the most of them as variants: further parts of the same entry. The
    picture is read from its file, or from its thumbnail where no file is left. Entries that have
    variants are passed over, so that an interrupted run can be run again. Variants go with their
    entry. If pictures cannot be had, the entries are listed and the exit code is 2.

    Example: lookalike bank harden known-unsafe --budget 4 --kind style
    """
    if undo and plan:
        raise InputError("--undo and --plan are mutually exclusive.")
    settings = load()
    entries = frozenset(entry or ())
    with opened(settings) as store:
        if undo:
            _undo(store, name, entries, as_json=as_json)
            return
        edits = _edits(settings, kind or (), strength, style, painting or (), model)
        if plan:
            _print_plan(store, name, edits, budget, entries, as_json=as_json)
            return
        report = _run(store, settings, name, edits, budget, entries)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.interrupted:
        raise KeyboardInterrupt
    if report.unreachable:
        raise typer.Exit(InputError.exit_code)


def _edits(
    settings: "Settings",
    kinds: Sequence[str],
    strengths: Sequence[float] | None,
    styles: Sequence[str] | None,
    paintings: Sequence[Path],
    model: str | None,
) -> "list[PictureEdit]":
    from indexer.cli.generate_run import diffusion_model
    from indexer.generation.edits import parse_kinds, picture_edits
    from indexer.generation.sampling import Sampling
    from indexer.generation.source_pictures import read_paintings
    from indexer.generation.styles import STYLES

    drawn_by = diffusion_model(settings, model)
    return picture_edits(
        parse_kinds(kinds),
        strengths or [1],
        styles=styles or STYLES,
        paintings=read_paintings(paintings, settings.image_limits),
        pipelines=[(drawn_by.reference, drawn_by.repainter("", Sampling(), 0))],
    )


def _run(
    store: "Store",
    settings: "Settings",
    bank: str,
    edits: "list[PictureEdit]",
    budget: int,
    entries: frozenset[int],
) -> "HardeningReport":
    from indexer.cli.interruption import stop_at_ctrl_c
    from indexer.cli.progress import show_progress
    from indexer.hardening import HardeningOptions, open_hardener

    with show_progress() as reporter, stop_at_ctrl_c() as stop:

        def show(report: "HardeningReport") -> None:
            detail = f"{report.unreachable:,} unreachable" if report.unreachable else ""
            reporter("hardening", report.done, report.entries, detail)

        reporter("preparing", 0, None)
        options = HardeningOptions(edits, budget, entries)
        return open_hardener(store, settings).run(bank, options, on_progress=show, stop=stop)


def _undo(store: "Store", bank: str, entries: frozenset[int], *, as_json: bool) -> None:
    from indexer.hardening import remove_variants

    removed = remove_variants(store, bank, entries)
    if as_json:
        print_json(removed)
    else:
        variants = counted(removed.variants, "variant", "variants")
        of_entries = counted(removed.entries, "entry", "entries")
        echo(f"Removed {variants} of {of_entries} in bank {bank}.")


def _print_plan(
    store: "Store",
    bank: str,
    edits: "list[PictureEdit]",
    budget: int,
    entries: frozenset[int],
    *,
    as_json: bool,
) -> None:
    from indexer.hardening import HardeningOptions, plan_hardening

    plan = plan_hardening(store, bank, HardeningOptions(edits, budget, entries))
    if as_json:
        print_json(plan)
        return
    facts = [
        ("bank", plan.bank),
        ("entries", plan.entries),
        ("bare fingerprints", plan.fingerprints),
        ("with variants already", plan.already),
        ("to edit from sources", plan.with_source),
        ("with a thumbnail only", plan.thumbnail_only),
        ("with neither", plan.without),
        ("edits of each", plan.edits),
        ("variants at most", plan.most_variants),
    ]
    print_facts("Plan", facts)
    echo("No picture of an entry was opened for this, and nothing was written.")


def _print_report(report: "HardeningReport") -> None:
    for entry in report.missing[:_SHOWN]:
        where = f", {entry.source}" if entry.source else ""
        echo(f"missing image {entry.image_id}{where}: {entry.reason} ({entry.code})", err=True)
    if report.unreachable > _SHOWN:
        echo(f"... and {report.unreachable - _SHOWN} more: --json lists them.", err=True)
    for line in _outcome(report):
        echo(line)


def _outcome(report: "HardeningReport") -> Iterator[str]:
    variants = counted(report.variants, "variant", "variants")
    yield (
        f"{variants} stored, of {counted(report.hardened, 'entry', 'entries')} of "
        f"{report.entries:,} in bank {report.bank}."
    )
    if report.tried:
        yield (
            f"Of {report.tried:,} edited copies, {report.missed:,} were missed before; "
            f"{report.still_missed:,} are now."
        )
    if report.recipes:
        shown = list(report.recipes.items())[:_RECIPES_SHOWN]
        yield f"Chosen most often: {', '.join(f'{name} ({count})' for name, count in shown)}."
    others = {
        "match all edited copies without variants": report.not_needed,
        "had variants already": report.already,
        "are bare fingerprints, which cannot be edited": report.fingerprints,
        "were edited from their thumbnails": report.from_thumbnails,
        "have neither a source nor a thumbnail": report.unreachable,
    }
    for what, count in others.items():
        if count:
            yield f"{count:,} {what}."
