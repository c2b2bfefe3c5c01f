"""Indexing of one picture that is at hand as bytes, as an entry of a bank."""

from indexer.errors import UnusableOutput
from indexer.images import fingerprints
from indexer.ingest.encoding import PictureEncoder
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.store import Arrival, Store, Writer
from indexer.types import UPLOAD, EntryRecord, NewImage, SourceStamp, Space


def make_image(data: bytes, encoder: Encoder, settings: Settings) -> NewImage:
    """Decode, hash and encode a picture as a run of the index does; nothing is written.

    Raises
    ------
    InputError
        It cannot be read, is too large, or the model gives no usable answer for it.
    """
    picture_encoder = PictureEncoder(encoder, settings, tiled=False)
    [made] = picture_encoder.encode([picture_encoder.prepare(data, fingerprints.sha256(data))])
    if isinstance(made, UnusableOutput):
        raise made
    return made


def write_entry(
    writer: Writer, image: NewImage, space: Space, bank: str, uri: str | None = None
) -> EntryRecord:
    """Add an image to the index, unless it is there, and to a bank.

    Doing it again changes nothing.

    Parameters
    ----------
    writer : Writer
        The transaction, which the caller commits.
    image : NewImage
    space : Space
        Of its embedding.
    bank : str
    uri : str, optional
        Where it was found; `upload:` and its SHA-256 by default.

    Raises
    ------
    NotFoundError
        There is no such bank.
    """
    stamp = SourceStamp(uri or f"{UPLOAD}{image.sha256.hex()}", image.byte_size, "")
    arrival = Arrival(stamp, bank_id=writer.banks.id_of(bank))
    writer.images.add([(image, arrival)], space.id)
    image_id = writer.images.ids_by_sha256([image.sha256])[image.sha256]
    return writer.entries.of_image(bank, image_id)


def add_entry(store: Store, image: NewImage, space: Space, bank: str) -> EntryRecord:
    """Do the same as `write_entry`, in a transaction of its own."""
    with store.writer() as writer:
        return write_entry(writer, image, space, bank)
