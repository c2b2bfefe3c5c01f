"""Templates: an analyst's decision on one, and its preview."""

from indexer.errors import NotFoundError
from indexer.store import Catalog, Store
from indexer.types import Template, TemplateState
from indexer.verification.veiled_preview import draw_preview


def decide_template(store: Store, template_id: int, state: TemplateState) -> Template:
    """Confirm or reject a template; doing it again changes nothing.

    Raises
    ------
    NotFoundError
        There is no such template.
    """
    with store.writer() as writer:
        return writer.templates.decide(template_id, state)


def preview_template(catalog: Catalog, template_id: int) -> bytes:
    """Draw a template without any content, as a PNG.

    Raises
    ------
    NotFoundError
        There is no such template, or no thumbnail of its image.
    """
    template = catalog.templates.get(template_id)
    thumbnail = catalog.thumbnails.get_many([template.image_id]).get(template.image_id)
    if thumbnail is None:
        raise NotFoundError(
            f"No thumbnail of image {template.image_id} is kept, so template {template_id} has no "
            "preview. Add the image again with LOOKALIKE_KEEP_THUMBNAILS=true."
        )
    return draw_preview(thumbnail, bytes.fromhex(template.mask))
