"""`template`: frames that stored images share while they show different content."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, RowLimit, load, opened
from indexer.cli.output import counted, print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import Template, TemplateState

app = Commands(help="Learn and review frames shared by many images.")

TemplateId = Annotated[int, typer.Argument(metavar="ID", help="The template, as listed.")]


@app.command()
def learn(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be found; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find frames that stored images share.

    Compares each image that has a thumbnail and no template with its nearest neighbours. A frame
    that at least 3 images share around different content is a template; images that share it with
    its images join it. Known templates keep their ids and decisions. A running server does this for
    images that are added; without one, run it again after adding images. An interrupted run is
    continued.

    Example: lookalike template learn
    """
    from indexer.cli.progress import show_progress
    from indexer.embedding_space import bound_space
    from indexer.template_discovery import TemplateLearner
    from indexer.vector_views import open_views

    settings = load()
    with opened(settings) as store, show_progress() as progress:
        space = bound_space(store)
        view = open_views(store, space, settings).embeddings
        view.catch_up()
        report = TemplateLearner(store, space, view).learn_all(
            dry_run=dry_run,
            on_progress=lambda done, total: progress("comparing", done, total),
        )
    if as_json:
        print_json(report)
        return
    would = "would be " if dry_run else ""
    echo(
        f"{counted(report.images, 'image', 'images')} compared; "
        f"{counted(report.templates, 'new template', 'new templates')} {would}found; "
        f"{counted(report.joined, 'image', 'images')} {would}assigned to a template."
    )


@app.command("list")
def list_templates(
    state: Annotated[
        TemplateState | None, typer.Option(help="Only templates in this state.")
    ] = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this template.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List templates, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike template list --json
    """
    with opened() as store, store.reader() as catalog:
        templates = catalog.templates.page(state=state, after_id=after, limit=limit)
    if as_json:
        print_json(templates)
        return
    print_table(
        "Templates",
        ["id", "state", "seen in", "image", "frame", "updated"],
        [
            (
                template.id,
                template.state,
                template.seen_in,
                template.image_id,
                f"{_share(template):.0%}",
                f"{template.updated_at:%Y-%m-%d %H:%M}",
            )
            for template in templates
        ],
    )


@app.command()
def show(
    template: TemplateId,
    preview: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a veiled preview of the frame, a PNG."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one template.

    Cells of the frame are `#`, cells of the content are `.`.

    Example: lookalike template show 1
    """
    from indexer.templates import preview_template

    with opened() as store, store.reader() as catalog:
        found = catalog.templates.get(template)
        if preview is not None:
            preview.write_bytes(preview_template(catalog, template))
    if as_json:
        print_json(found)
        return
    echo(
        f"Template {found.id}: {found.state}, seen in {counted(found.seen_in, 'image', 'images')}, "
        f"such as image {found.image_id}."
    )
    bits = f"{int(found.mask, 16):0256b}".replace("1", "#").replace("0", ".")
    for start in range(0, len(bits), 16):
        echo(bits[start : start + 16])


@app.command()
def confirm(template: TemplateId, *, as_json: AsJson = False) -> None:
    """Confirm that a template is a frame.

    Its frame stays no evidence. Repeating this changes nothing.

    Example: lookalike template confirm 1
    """
    _decide(template, TemplateState.CONFIRMED, as_json=as_json)


@app.command()
def reject(template: TemplateId, *, as_json: AsJson = False) -> None:
    """Reject a template: it discounts nothing.

    The images that have it match by all that they show, as if no frame were known. Repeating this
    changes nothing.

    Example: lookalike template reject 1
    """
    _decide(template, TemplateState.REJECTED, as_json=as_json)


def _decide(template_id: int, state: TemplateState, *, as_json: bool) -> None:
    from indexer.templates import decide_template

    with opened() as store:
        template = decide_template(store, template_id, state)
    if as_json:
        print_json(template)
    else:
        echo(f"Template {template.id}, seen in {template.seen_in} images, is {template.state}.")


def _share(template: Template) -> float:
    """Return the share of the area that is frame."""
    return int(template.mask, 16).bit_count() / 256
