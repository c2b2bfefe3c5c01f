"""Picture access: stored images behind a veil, or revealed for the record."""

from datetime import UTC, datetime, timedelta

from indexer.errors import NotFoundError
from indexer.images.veils import veil_picture
from indexer.store import Catalog, Store
from indexer.types import NewReveal, Person, Reveal, ReviewItem, Veil


def preview_image(
    catalog: Catalog, image_id: int, veil: Veil, *, strength: int, size: int
) -> bytes:
    """Draw a stored image behind a veil.

    Parameters
    ----------
    catalog : Catalog
    image_id : int
    veil : Veil
    strength : int
        1 to 5, the most covering last.
    size : int
        Pixels of the longest side.

    Returns
    -------
    bytes
        A JPEG.

    Raises
    ------
    NotFoundError
        There is no such image, or no thumbnail of it.
    """
    return veil_picture(_thumbnail(catalog, image_id), veil, strength, size)


def preview_item(catalog: Catalog, item_id: int, veil: Veil, *, strength: int, size: int) -> bytes:
    """Draw the picture of a review item behind a veil; see `preview_image`.

    Raises
    ------
    NotFoundError
        There is no such item, or no picture of it.
    """
    jpeg = _picture(catalog, catalog.reviews.get(item_id))
    return veil_picture(jpeg, veil, strength, size)


def reveal_item(
    store: Store, person: Person, item_id: int, reason: str, *, lease: timedelta
) -> Reveal:
    """Let a person see the picture of a review item; see `reveal_image`.

    Raises
    ------
    NotFoundError
        There is no such item, or no picture of it; nothing was written.
    """
    with store.writer() as writer:
        item = writer.reviews.get(item_id)
        _picture(writer, item)
        until = datetime.now(UTC) + lease
        return writer.reveals.add(NewReveal(person, item.image_id, reason, until, item.id))


def reveal_image(
    store: Store, person: Person, image_id: int, reason: str, *, lease: timedelta
) -> Reveal:
    """Let a person see a stored image without its veil for a while, and write that down.

    Raises
    ------
    NotFoundError
        There is no such image, or no thumbnail of it; nothing was written.
    """
    with store.writer() as writer:
        _thumbnail(writer, image_id)
        expires_at = datetime.now(UTC) + lease
        return writer.reveals.add(NewReveal(person, image_id, reason, expires_at))


def end_reveal(store: Store, person: Person, reveal_id: int, seconds: float | None) -> Reveal:
    """Cover a picture again, and write down how long it was seen.

    Parameters
    ----------
    store : Store
    person : Person
    reveal_id : int
    seconds : float or None
        As measured where it was shown; by default, and at most, all the time since the reveal.

    Raises
    ------
    NotFoundError
        The person has no such reveal.
    """
    with store.writer() as writer:
        reveal = _own(writer, person, reveal_id)
        until = min(datetime.now(UTC), reveal.expires_at)
        longest = (until - reveal.created_at).total_seconds()
        return writer.reveals.end(reveal_id, longest if seconds is None else min(seconds, longest))


def revealed_picture(catalog: Catalog, person: Person, reveal_id: int) -> bytes:
    """Return the picture of a reveal, as a JPEG.

    Raises
    ------
    NotFoundError
        The person has no such reveal, or it has ended, or its picture is gone.
    """
    reveal = _own(catalog, person, reveal_id)
    if reveal.ended_at is not None or reveal.expires_at <= datetime.now(UTC):
        raise NotFoundError(
            f"Reveal {reveal_id} has ended. Reveal the picture again: `POST /v1/reveals`."
        )
    if reveal.image_id is not None:
        return _thumbnail(catalog, reveal.image_id)
    return _picture(catalog, catalog.reviews.get(reveal.review_id or 0))


def kept_picture(catalog: Catalog, item: ReviewItem) -> bytes | None:
    """Return the picture of a review item, as a JPEG; None where none is kept.

    It is the thumbnail of the stored image, or what is kept of the upload.
    """
    if item.image_id is not None:
        return catalog.thumbnails.get_many([item.image_id]).get(item.image_id)
    return catalog.reviews.picture(item.id)


def _picture(catalog: Catalog, item: ReviewItem) -> bytes:
    picture = kept_picture(catalog, item)
    if picture is not None:
        return picture
    if item.image_id is not None:
        raise _no_thumbnail(catalog, item.image_id)
    raise NotFoundError(
        f"No picture of review {item.id} is kept: it is not about an upload, or it was decided and "
        "its picture forgotten."
    )


def _own(catalog: Catalog, person: Person, reveal_id: int) -> Reveal:
    reveal = catalog.reveals.get(reveal_id)
    if reveal.person != person.id:
        raise NotFoundError(
            f"Reveal {reveal_id} is not yours. `GET /v1/reveals` lists those that are."
        )
    return reveal


def _thumbnail(catalog: Catalog, image_id: int) -> bytes:
    thumbnail = catalog.thumbnails.get_many([image_id]).get(image_id)
    if thumbnail is None:
        raise _no_thumbnail(catalog, image_id)
    return thumbnail


def _no_thumbnail(catalog: Catalog, image_id: int) -> NotFoundError:
    if not catalog.images.sha256_of([image_id]):
        return NotFoundError(
            f"No image {image_id} is in the index. `lookalike index list` shows the ids."
        )
    return NotFoundError(
        f"No thumbnail of image {image_id} is kept, so it has no picture. Add the image again with "
        "LOOKALIKE_KEEP_THUMBNAILS=true."
    )
