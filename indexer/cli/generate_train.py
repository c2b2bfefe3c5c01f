"""`generate train`: options, progress and result."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.model_evaluate import print_skipped
from indexer.cli.options import AsJson, Board, load
from indexer.cli.output import counted, print_facts, print_json, print_table
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # they load torch
    from indexer.generation.training.adapter_fit import Measurement
    from indexer.generation.training.recipe import AdapterRecipe
    from indexer.generation.training.sheet_folder import CheckedSheet
    from indexer.generation.training.train import TrainingRequest
    from indexer.generation.training.trained_adapter import TrainedAdapter
    from indexer.settings import Settings

app = Commands(
    help="""Train a generator on a folder of pictures.

    Example: lookalike generate train lora badges/ --out star --prompt "a star"
    """
)

_FOLDER = typer.Argument(metavar="FOLDER", help="Pictures, and captions beside them (a.txt).")
_OUT = typer.Option("--out", metavar="DIR", help="Folder to create.")
Base = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="DIR|hf-hub:OWNER/NAME",
        help="Pipeline to train; default LOOKALIKE_GENERATOR.",
    ),
]
Steps = Annotated[int, typer.Option(min=1, help="Steps of training.")]
Batch = Annotated[int, typer.Option(min=1, help="Pictures of a step.")]
Side = Annotated[
    int | None, typer.Option("--size", min=8, help="Pixels of a side; by default the model's.")
]
Every = Annotated[int, typer.Option(min=1, help="Steps between validation sheets.")]
Validate = Annotated[
    list[str] | None,
    typer.Option("--validate", metavar="PROMPT", help="Prompt of the sheets; may be repeated."),
]
Columns = Annotated[
    int, typer.Option("--columns", min=1, help="Pictures of each prompt on a sheet.")
]
SheetSteps = Annotated[
    int | None,
    typer.Option(min=1, help="Steps of denoising of sheets; by default the model's."),
]
MinSnr = Annotated[
    float | None,
    typer.Option("--min-snr", min=0.1, help="Gamma of min-SNR weights, usually 5."),
]
RandomSeed = Annotated[int, typer.Option("--seed", min=0, help="Random seed.")]
ReportTo = Annotated[
    Board | None, typer.Option("--report-to", help="Also write the figures for this.")
]


@app.command()
def lora(
    folder: Annotated[Path, _FOLDER],
    out: Annotated[Path, _OUT],
    *,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Caption of pictures that have none beside them."),
    ] = None,
    model: Base = None,
    steps: Steps = 500,
    batch: Batch = 4,
    learning_rate: Annotated[float, typer.Option(min=1e-9, help="Learning rate.")] = 5e-4,
    rank: Annotated[int, typer.Option(min=1, help="Rank of the matrices.")] = 8,
    size: Side = None,
    every: Every = 100,
    validate: Validate = None,
    columns: Columns = 4,
    sheet_steps: SheetSteps = None,
    min_snr: MinSnr = None,
    seed: RandomSeed = 0,
    report_to: ReportTo = None,
    as_json: AsJson = False,
) -> None:
    """Train a LoRA.

    The caption of a.png is the text of a.txt beside it, else --prompt. Before training, every so
    many steps and at the end the same prompts are drawn from the same seeds; each picture is
    screened by the index and compared with the training pictures. If ended early, the training goes
    on from the last sheet when run again. Writes weights in the format of diffusers, and a report
    beside the folder. Train on pictures that you have the right to use.

    Example: lookalike generate train lora badges/ --out star --prompt "a star"
    """
    from indexer.generation.training.recipe import AdapterRecipe, Method
    from indexer.generation.training.train import SheetRequest, TrainingRequest

    settings = load()
    recipe = AdapterRecipe(
        *(Method.LORA, steps, batch, learning_rate, every, size),
        seed=seed,
        rank=rank,
        min_snr=min_snr,
    )
    sheets = SheetRequest(tuple(validate or ()), columns, sheet_steps)
    request = TrainingRequest(
        *(folder, out, recipe, model or settings.generator), prompt=prompt, sheets=sheets
    )
    _train(request, settings, report_to, as_json=as_json)


@app.command("textual-inversion")
def textual_inversion(
    folder: Annotated[Path, _FOLDER],
    out: Annotated[Path, _OUT],
    *,
    token: Annotated[str, typer.Option(metavar="WORD", help="The new word, such as my-star.")],
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Caption of pictures without one; default: a picture of WORD."
        ),
    ] = None,
    initial_words: Annotated[
        str, typer.Option("--initial-words", metavar="TEXT", help="What the word begins as.")
    ] = "picture",
    model: Base = None,
    steps: Steps = 1000,
    batch: Batch = 4,
    learning_rate: Annotated[float, typer.Option(min=1e-9, help="Learning rate.")] = 5e-3,
    size: Side = None,
    every: Every = 200,
    validate: Validate = None,
    columns: Columns = 4,
    sheet_steps: SheetSteps = None,
    min_snr: MinSnr = None,
    seed: RandomSeed = 0,
    report_to: ReportTo = None,
    as_json: AsJson = False,
) -> None:
    """Train a new word by textual inversion.

    Every caption must contain the word: those in a.txt beside a.png as well. Nothing else of the
    model changes. Sheets, screening, resumption and the report are as of `generate train lora`.

    Example: lookalike generate train textual-inversion stars --out s --token star
    """
    from indexer.generation.training.recipe import AdapterRecipe, Method
    from indexer.generation.training.train import SheetRequest, TrainingRequest

    settings = load()
    recipe = AdapterRecipe(
        *(Method.TEXTUAL_INVERSION, steps, batch, learning_rate, every, size),
        seed=seed,
        token=token,
        initial_words=initial_words,
        min_snr=min_snr,
    )
    prompt = prompt or f"a picture of {token}"
    sheets = SheetRequest(tuple(validate or ()), columns, sheet_steps)
    request = TrainingRequest(
        *(folder, out, recipe, model or settings.generator), prompt=prompt, sheets=sheets
    )
    _train(request, settings, report_to, as_json=as_json)


def _train(
    request: "TrainingRequest", settings: "Settings", report_to: Board | None, *, as_json: bool
) -> None:
    from indexer.cli.progress import show_progress
    from indexer.generation.extra import require_generate_extra
    from indexer.generation.index_screener import open_screener
    from indexer.generation.training.train import train_adapter
    from indexer.reports.adapter_report import save_adapter_reports
    from indexer.runtime.figure_board import FigureBoard

    require_generate_extra()
    out, recipe = request.out, request.recipe
    board = FigureBoard(out.with_name(f"{out.name}.tensorboard")) if report_to else None

    def note(measured: "Measurement", sheet: "CheckedSheet") -> None:
        echo(_progress_line(measured, sheet, recipe), err=True)
        if board:
            board.write(measured.step, _figures(measured, sheet))

    with open_screener(settings) as screener, show_progress() as reporter:
        trained = train_adapter(request, screener, settings, on_stage=reporter, on_measurement=note)
    page = save_adapter_reports(trained)
    _print(trained, page, as_json=as_json)


def _progress_line(measured: "Measurement", sheet: "CheckedSheet", recipe: "AdapterRecipe") -> str:
    copies = counted(sheet.near_copies, "near copy", "near copies")
    return (
        f"step {measured.step} of {recipe.steps}: loss on fixed noise {measured.loss:.4f}, "
        f"{copies} of {len(sheet.pictures)}: {sheet.file}"
    )


def _figures(measured: "Measurement", sheet: "CheckedSheet") -> dict[str, float]:
    found = {"loss/fixed": measured.loss, "near_copies": float(sheet.near_copies)}
    for band, (fixed, training) in enumerate(zip(measured.fixed, measured.training, strict=True)):
        found[f"loss/fixed_band_{band}"] = fixed
        if training is not None:
            found[f"loss/training_band_{band}"] = training
    return found


def _print(trained: "TrainedAdapter", report: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"report": report, **asdict(trained)})
        return
    from indexer.generation.training.diffusion_loss import band_names

    print_skipped(trained.skipped)
    first, last, sheet = trained.history[0], trained.history[-1], trained.last_sheet
    copies = f"{sheet.near_copies} of {len(sheet.pictures)} pictures"
    facts = {
        "folder": trained.folder,
        "base": trained.base,
        "pictures": trained.pictures,
        "steps": trained.recipe.steps,
        "loss on fixed noise": f"{first.loss:.4f} before, {last.loss:.4f} after",
        "near copies": f"{copies}: use fewer steps or more pictures" if sheet.near_copies else "0",
        "sheets": sheet.file.parent,
        "report": report,
        "seconds": f"{trained.seconds:.1f}",
    }
    print_facts("Trained", facts.items())
    echo()
    print_table(
        "Loss on fixed noise by timestep",
        ["timesteps", "before", "after"],
        [
            (name, round(before, 4), round(after, 4))
            for name, before, after in zip(
                band_names(trained.timesteps), first.fixed, last.fixed, strict=True
            )
        ],
    )
    echo()
    print_table(
        "Nearest training picture of each on the last sheet",
        ["seed", "cosine", "PDQ bits", "found as", "prompt", "nearest"],
        [
            (
                each.seed,
                round(each.nearest.similarity, 3),
                each.nearest.distance,
                each.nearest.tier,
                each.prompt,
                each.nearest.name,
            )
            for each in sheet.pictures
        ],
    )
