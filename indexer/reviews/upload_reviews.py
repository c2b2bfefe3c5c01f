"""Reviews of uploads: made when the platform asks for one, with a picture while it lasts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from indexer.errors import InputError
from indexer.images.decode import decoded
from indexer.reviews.evidence import EvidenceReader, strongest
from indexer.settings import ImageLimits
from indexer.store import Catalog, Store
from indexer.thresholds.resolution import ThresholdResolver
from indexer.types import NewReviewItem, Person, QueueKind, Verdict
from indexer.verification import make_thumbnail
from indexer.verification.thumbnails import SIDE


def review_upload(
    store: Store,
    thresholds: Callable[[Catalog], ThresholdResolver],
    verdict: Verdict,
    data: bytes,
    limits: ImageLimits,
) -> int | None:
    """Make a review item of an upload, with a small picture of it.

    Where the same bytes are under review, or their match was decided, no other item is made.

    Parameters
    ----------
    store : Store
    thresholds : callable
        Returns the bounds that hold now.
    verdict : Verdict
        On the upload.
    data : bytes
        The upload.
    limits : ImageLimits

    Returns
    -------
    int or None
        The item, or the newest earlier one about these bytes; None if the match was decided
        without one.

    Raises
    ------
    LookalikeError
        The upload cannot be decoded, or the database is away.
    """
    with decoded(data, limits, at_least=(SIDE, SIDE)) as picture:
        jpeg = make_thumbnail(picture.rgb)
    match = strongest(verdict)
    digest = bytes.fromhex(verdict.sha256)
    with store.writer() as writer:
        evidence = EvidenceReader(writer, thresholds(writer)).of_verdict(verdict)
        by_image = match is not None and match.entry_id is None
        item = NewReviewItem(
            QueueKind.DISAGREEMENT if verdict.is_disputed else QueueKind.UNCERTAIN,
            evidence,
            query_sha256=digest,
            entry_id=match.entry_id if match else None,
            match_image_id=match.image_id if match and by_image else None,
            picture=jpeg,
        )
        made = writer.reviews.add([item])
        return made[0] if made else writer.reviews.find(digest)


def keep_signed_picture(
    store: Store, person: Person, item_id: int, data: bytes, limits: ImageLimits
) -> None:
    """Keep a small picture of an upload whose decision awaits a second signature.

    The second person is to see what the first saw. It is forgotten like that of other uploads.

    Parameters
    ----------
    store : Store
    person : Person
        Who signed first.
    item_id : int
        The item that awaits the second signature.
    data : bytes
        The upload.
    limits : ImageLimits

    Raises
    ------
    InputError
        It is not the upload that the person decided on, or nothing is awaited.
    NotFoundError
        There is no such item.
    """
    with store.reader() as catalog:
        item = catalog.reviews.get(item_id)
    signed = item.awaits_signature and item.decided_by == person.id
    if not signed or item.query_sha256 != sha256(data).hexdigest():
        raise InputError(
            f"Review {item_id} awaits no second signature on these bytes. Send the file that you "
            "decided on."
        )
    with decoded(data, limits, at_least=(SIDE, SIDE)) as picture:
        jpeg = make_thumbnail(picture.rgb)
    with store.writer() as writer:
        writer.reviews.keep_picture(item_id, jpeg)


def forget_uploads(store: Store, undo: timedelta) -> int:
    """Delete the pictures of uploads that nobody reviews any more; return how many.

    Parameters
    ----------
    store : Store
    undo : timedelta
        How long decisions can be taken back: until then their pictures stay.
    """
    with store.reader() as catalog:
        if not catalog.reviews.holds_pictures():
            return 0
    with store.writer() as writer:
        return writer.reviews.forget_pictures(datetime.now(UTC) - undo)
