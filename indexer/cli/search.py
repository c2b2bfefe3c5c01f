"""`search` and `classify`: ask about pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from indexer.cli.options import AsJson, Banks, Images, ModelReference, load
from indexer.cli.output import print_json, print_table, shorten_path
from indexer.errors import InputError, UnavailableError
from indexer.settings import Settings
from indexer.types import Match, Part, Suppression, Verdict

if TYPE_CHECKING:  # it loads SQLAlchemy
    from indexer.store import Store

AnswerT = TypeVar("AnswerT")


def search(  # noqa: PLR0913 -- one for each option
    images: Images,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Most matches shown.")] = 10,
    bank: Banks = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=-1, max=1, help="Cosine from which a match is a lookalike."),
    ] = None,
    model: ModelReference = None,
    *,
    tiles: Annotated[
        bool,
        typer.Option("--tiles", help="Cut large pictures into tiles; more false matches."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether pictures are copies or lookalikes of what the index holds, with the evidence.

    With --json one picture gives one verdict and several give an array. A picture that cannot be
    read is reported, the others are answered, and the exit code is 2.

    Example: lookalike search suspect.jpg --bank known-unsafe -k 5 --json
    """
    from indexer.cores import Cores  # noqa: PLC0415 -- keeps --help quick
    from indexer.matching import open_matcher  # noqa: PLC0415
    from indexer.store import open_store  # noqa: PLC0415

    settings = load(model)
    with open_store(settings.resolved_database_url) as store:
        matcher = open_matcher(store, settings, cores=Cores())
        verdicts, failed = _ask(
            images,
            settings,
            lambda data, name: matcher.match(
                data, name, k=k, banks=bank or (), threshold=threshold, tiles=tiles
            ),
        )
        _count_hits(store, settings, verdicts)
    if as_json:
        _print_answers(verdicts, asked=len(images))
    else:
        for verdict in verdicts:
            _print_verdict(verdict)
    if failed:
        raise typer.Exit(InputError.exit_code)


def classify(images: Images, model: ModelReference = None, *, as_json: AsJson = False) -> None:
    """Print the model's class probabilities of pictures.

    Example: lookalike classify upload.png --json
    """
    from indexer.matching import open_classifier  # noqa: PLC0415 -- keeps --help quick

    settings = load(model)
    classifier = open_classifier(settings)
    answers, failed = _ask(images, settings, classifier.classify)
    if as_json:
        _print_answers(answers, asked=len(images))
    else:
        for answer in answers:
            rows = [(label, f"{p:.4f}") for label, p in answer.probabilities.items()]
            print_table(answer.query, ["label", "probability"], rows)
    if failed:
        raise typer.Exit(InputError.exit_code)


def _ask(
    images: list[Path], settings: Settings, answer: Callable[[bytes, str], AnswerT]
) -> tuple[list[AnswerT], int]:
    """Answer each picture; report the unreadable ones and count them."""
    from indexer.sources import read  # noqa: PLC0415 -- keeps --help quick

    answers: list[AnswerT] = []
    for image in images:
        try:
            answers.append(answer(read(image, settings.max_image_bytes), str(image)))
        except InputError as error:
            typer.echo(f"{image}: {error} ({error.code})", err=True)
    return answers, len(images) - len(answers)


def _count_hits(store: "Store", settings: Settings, verdicts: list[Verdict]) -> None:
    """Count the hits for the flood watch; a database that cannot be written spoils no answer."""
    from indexer.flood import FloodWatch  # noqa: PLC0415 -- keeps --help quick

    watch = FloodWatch(store, settings)
    for verdict in verdicts:
        watch.record(verdict)
    try:
        watch.flush()
    except UnavailableError as error:
        typer.echo(f"The hits were not counted: {error}", err=True)


def _print_answers(answers: list[AnswerT], *, asked: int) -> None:
    """Print an array, or the one answer that was asked for."""
    if asked > 1:
        print_json(answers)
    elif answers:
        print_json(answers[0])


def _print_verdict(verdict: Verdict) -> None:
    """Print one verdict: the answer in a line, then the evidence as a table."""
    hit = f", in {', '.join(verdict.banks)}" if verdict.banks else ""
    labels = ", ".join(f"{label} {p:.3f}" for label, p in verdict.probabilities.items())
    typer.echo(f"{verdict.query}: {verdict.tier}{hit}")
    typer.echo(f"model: {labels}")
    if not verdict.matches:
        return
    print_table(
        None,
        ["tier", "bank", "cosine", "PDQ", "score", "decided by", "part", "image", "source"],
        [
            (
                match.tier + _excuse(match.suppressed_by),
                match.bank,
                _rounded(match.similarity),
                match.pdq_distance,
                _rounded(match.fused_score),
                _reason(match),
                _pair(match),
                _identity(match),
                shorten_path(match.source),
            )
            for match in verdict.matches
        ],
    )


def _reason(match: Match) -> str:
    """Say which signal decided, and the bound it was held to; its card, if it has one."""
    if match.threshold is None:
        return f"{match.decided_by}: same bytes"
    relation = "≤" if match.decided_by == "pdq" else "≥"
    card = "" if match.threshold_card is None else f" ({match.threshold_source})"
    return f"{match.decided_by} {relation} {match.threshold:g}{card}"


def _excuse(by: Suppression | None) -> str:
    """Say what takes a match back."""
    if by is None:
        return ""
    if by.decision_id is not None:
        return f" (rejected: decision {by.decision_id})"
    return f" (suppressed by {by.bank})"


def _identity(match: Match) -> str:
    """Name the stored image, or the entry of a bare fingerprint."""
    return f"entry {match.entry_id}" if match.image_id is None else str(match.image_id)


def _rounded(score: float | None) -> str | None:
    return None if score is None else f"{score:.3f}"


def _pair(match: Match) -> str:
    """Say which piece of the query matched which of the image; nothing when both are whole."""
    if match.query_part is None and match.part is None:
        return ""
    return f"{_piece(match.query_part)} ~ {_piece(match.part)}"


def _piece(part: Part | None) -> str:
    """Name a frame by its number, a tile or crop by width x height + left + top."""
    if part is None:
        return "whole"
    if part.box is None:
        return f"{part.kind} {part.number}"
    left, top, width, height = part.box
    return f"{part.kind} {width}x{height}+{left}+{top}"
