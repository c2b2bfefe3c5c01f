"""`verify`, `repair` and `doctor`: integrity of an index."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsJson, ModelReference, load, opened
from indexer.cli.output import print_json
from indexer.errors import MismatchError
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # it loads SQLAlchemy
    from indexer.upkeep.recall_check import CheckedRecall

Every = Annotated[
    bool, typer.Option("--all", help="Compare all vectors, not a sample of 1000 images.")
]

_STATE = 7  # characters of the longest state, `warning` or `problem`


def verify(
    recall: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Also measure recall, by asking N stored images both ways."
        ),
    ] = None,
    *,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """Check that database and views agree.

    Tables are compared with each other and with the change log, views with the log, and snapshots
    with their checksums. With --recall, stored images are searched for approximately and exactly.
    Nothing is changed. Each problem is listed, and the exit code is then 3; so it is where the
    recall of a view is below LOOKALIKE_RECALL_TARGET.

    Example: lookalike verify --recall 1000 --json
    """
    from indexer.upkeep.consistency import SAMPLE
    from indexer.upkeep.consistency import verify as verify_index

    settings = load()
    with opened(settings) as store:
        report = verify_index(store, settings, sample=None if every else SAMPLE, recall=recall)
    if as_json:
        print_json(report)
    elif not report.problems:
        echo(
            f"No problems: {report.images} images, {report.changes} changes, "
            f"{len(report.views)} views; vectors of {report.compared} images compared."
        )
    else:
        for problem in report.problems:
            echo(problem)
        echo("Run `lookalike repair` to repair what it can.", err=True)
    if not as_json:
        _print_recall(report.recall, settings.recall_target)
    if report.problems or not all(each.is_enough for each in report.recall):
        raise typer.Exit(MismatchError.exit_code)


def _print_recall(checked: "Sequence[CheckedRecall]", target: float) -> None:
    """Say of each view what it finds, and what to do where that is too little."""
    for each in checked:
        missed = f"{each.missed_above:,} of {each.above:,} lookalikes missed"
        echo(f"{each.view}: {each.claimed.kind}, recall {each.measured.words}, {missed}")
    for each in checked:
        if each.is_enough:
            continue
        least = "1, as proven" if each.claimed.is_proven else f"the target of {target:g}"
        echo(
            f"The recall of {each.view} is below {least}. `lookalike index rebuild` makes the view "
            "anew.",
            err=True,
        )


def repair(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be repaired.")
    ] = False,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """Repair views and rows from the change log.

    Rebuilds damaged or missing views and snapshots, removes leftovers of crashed programs and of
    other models, and quarantines images whose embedding is lost; `lookalike index quarantine retry`
    encodes those again. Deletes nothing that the log cannot restore. Exits with 3 if a problem
    remains.

    Example: lookalike repair --dry-run
    """
    from indexer.upkeep.consistency import SAMPLE
    from indexer.upkeep.repair import repair as repair_index

    settings = load()
    with opened(settings) as store:
        report = repair_index(store, settings, dry_run=dry_run, sample=None if every else SAMPLE)
    if as_json:
        print_json(report)
    else:
        for sentence in report.mended:
            echo(f"{'would repair' if dry_run else 'repaired'}: {sentence}")
        for sentence in report.left:
            echo(f"{'now' if dry_run else 'left'}: {sentence}")
        for sentence in report.advice:
            echo(sentence)
        if not report.mended and not report.left:
            echo("There is nothing to repair.")
    if report.left:
        raise typer.Exit(MismatchError.exit_code)


def doctor(model: ModelReference = None, *, as_json: AsJson = False) -> None:
    """Check machine, database, model and views.

    Files, the audit log and the policy in force are checked too, and each problem comes with a
    remedy. Exits with 0 if there are only warnings, else with the code of the first problem.

    Example: lookalike doctor
    """
    from indexer.upkeep.doctor import examine

    findings = list(examine(load(model)))
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            echo(f"{finding.state:<{_STATE}}  {finding.what}: {finding.found}")
            if finding.advice:
                echo(f"{'':<{_STATE}}  {finding.advice}")
    if code := next((finding.exit_code for finding in findings if finding.exit_code), 0):
        raise typer.Exit(code)
