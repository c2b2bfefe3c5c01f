"""`search` and `classify`: verdicts and class probabilities of images."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from indexer.cli.options import AsJson, Banks, Images, ModelReference, load, opened
from indexer.cli.output import print_facts, print_json
from indexer.errors import InputError, UnavailableError
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.types import Classification, Tier, Verdict

if TYPE_CHECKING:  # they load SQLAlchemy
    from indexer.policy import VerdictHistory
    from indexer.sources import Found
    from indexer.store import Store

AnswerT = TypeVar("AnswerT")

_NO_THRESHOLD = (
    "--threshold no longer exists: it was a cosine similarity. Use --min-log-odds, or leave it "
    "out for the bounds in force. docs/matching.md explains log-odds."
)
FOUND = 10
"""Exit code of `search --exit-code` when a picture matched; no error has it."""


def search(
    images: Images,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Maximum number of matches.")] = 10,
    bank: Banks = None,
    min_log_odds: Annotated[
        float | None, typer.Option(help="Minimum log-odds of a lookalike.")
    ] = None,
    model: ModelReference = None,
    *,
    threshold: Annotated[
        str | None, typer.Option(hidden=True, help="Replaced by --min-log-odds.")
    ] = None,
    tiles: Annotated[
        bool,
        typer.Option("--tiles", help="Also match tiles of large images; more false matches."),
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 10 if an image matched, 0 if none did.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find copies and lookalikes of images.

    Prints a verdict with its evidence for each image, and the action of the policy in force. A
    folder stands for the images in it, found as `index add` finds them. With --json, one image
    gives one verdict; several images or a folder give an array. Unreadable images are reported, the
    rest are answered, and the exit code is 2; with --exit-code it is 10 if any image matched.

    Example: lookalike search suspect.jpg --bank known-unsafe -k 5 --json
    """
    from indexer.cli.verdict_view import count_tiers, print_verdicts
    from indexer.matching import Query, SearchOptions, open_matcher
    from indexer.policy import VerdictHistory
    from indexer.runtime.cpu import Cores

    if threshold is not None:
        raise InputError(_NO_THRESHOLD)
    settings = load(model)
    asked = _Asked(images, settings)
    options = SearchOptions(k=k, banks=tuple(bank or ()), min_log_odds=min_log_odds)
    with opened(settings) as store:
        matcher = open_matcher(store, settings, cores=Cores())
        history = VerdictHistory(store, settings)

        def judge(data: bytes, name: str) -> Verdict:
            query = Query.picture(data, name, tiles=tiles)
            answer = matcher.answer_in_full(query, options)
            history.record(answer.verdict, answer.evidence)
            return answer.verdict

        answers = asked.answers(judge)
        if as_json:
            verdicts = _gather(answers)
        else:
            verdicts = print_verdicts(answers, store, bank or (), several=asked.several)
        _record(store, settings, verdicts, history)
    if as_json:
        _print_json(verdicts, asked)
    elif asked.several:
        echo()
        echo(count_tiers(verdicts, asked.failed))
    if exit_code and any(verdict.tier is not Tier.NONE for verdict in verdicts):
        raise typer.Exit(FOUND)
    if asked.failed:
        raise typer.Exit(InputError.exit_code)


def classify(images: Images, model: ModelReference = None, *, as_json: AsJson = False) -> None:
    """Print the class probabilities of images.

    A folder stands for the images in it. No index is needed. If the index's policy has rules on
    classes, the action that they come to is shown too.

    Example: lookalike classify upload.png --json
    """
    from indexer.cli.verdict_view import action_of, opinions
    from indexer.matching import open_classifier

    settings = load(model)
    asked = _Asked(images, settings)
    answers: list[Classification] = []
    for answer in asked.answers(open_classifier(settings).classify):
        if not as_json:
            if answers:
                echo()
            own = [(name, f"{p:.4f}") for name, p in answer.probabilities.items()]
            print_facts(answer.query, [*own, *opinions(answer), *action_of(answer)])
        answers.append(answer)
    if as_json:
        _print_json(answers, asked)
    if asked.failed:
        raise typer.Exit(InputError.exit_code)


class _Asked:
    """The pictures that a command is asked about, read one after the other."""

    def __init__(self, images: Sequence[Path], settings: Settings) -> None:
        self._images = images
        self._settings = settings
        self.several = len(images) > 1 or _is_folder(images[0])
        self.failed = 0

    def answers(self, answer: Callable[[bytes, str], AnswerT]) -> Iterator[AnswerT]:
        """Answer each picture; report the unreadable ones and count them."""
        from indexer.sources import read
        from indexer.types import SkippedSource

        most = self._settings.max_image_bytes
        for found in self._found():
            if isinstance(found, SkippedSource):
                self._report(found.uri, found.message, found.code)
                continue
            name = str(found) if isinstance(found, Path) else found.stamp.uri
            try:
                data = read(found, most) if isinstance(found, Path) else found.read(most)
                yield answer(data, name)
            except InputError as error:
                self._report(name, str(error), error.code)

    def _found(self) -> "Iterator[Path | Found]":
        """Give each file as it was named, and what is found beneath each folder."""
        from indexer.sources import open_sources

        for image in self._images:
            if _is_folder(image):
                yield from open_sources([str(image)], self._settings)
            else:
                yield image

    def _report(self, name: str, message: str, code: str) -> None:
        echo(f"{name}: {message} ({code})", err=True)
        self.failed += 1


def _gather(answers: Iterator[AnswerT]) -> list[AnswerT]:
    """Wait for all answers, and show how many there are meanwhile."""
    from indexer.cli.progress import show_progress

    gathered: list[AnswerT] = []
    with show_progress() as progress:
        for answer in answers:
            gathered.append(answer)
            progress("searching", len(gathered), None)
    return gathered


def _is_folder(path: Path) -> bool:
    """Tell whether a path is a folder; one that cannot be looked at is read as a file, and told."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _record(
    store: "Store", settings: Settings, verdicts: list[Verdict], history: "VerdictHistory"
) -> None:
    """Count hits for the flood watch and store verdicts; a read-only database spoils no answer."""
    from indexer.flood import FloodWatch

    watch = FloodWatch(store, settings)
    for verdict in verdicts:
        watch.record(verdict)
    try:
        watch.flush()
        history.flush()
    except UnavailableError as error:
        echo(f"Hits and verdicts not stored: {error}", err=True)


def _print_json(answers: Sequence[object], asked: _Asked) -> None:
    """Print an array, or the one answer that was asked for."""
    if asked.several:
        print_json(answers)
    elif answers:
        print_json(answers[0])
