"""An index on a shelf: pictures from memory, two banks, and a matcher."""

from pathlib import Path
from typing import ClassVar

from indexer.images import fingerprints
from indexer.images.decode import decode
from indexer.images.parts import parts
from indexer.matching import Matcher
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.store import Arrival, Store
from indexer.types import BankKind, Match, NewImage, NewPart, Part, Rgb, SourceStamp
from support.queries import match


class Shelf:
    """An index that takes pictures from memory, with a matcher on it.

    What a model says of a picture is asked once in a process, however many indexes take it.
    """

    _known: ClassVar[dict[str, NewImage]] = {}

    def __init__(self, store: Store, encoder: Encoder, settings: Settings) -> None:
        self.store, self.encoder, self.settings = store, encoder, settings
        card = encoder.card
        with store.writer() as writer:
            self.space = writer.spaces.register(
                fingerprint=card.fingerprint,
                model=card.reference,
                architecture=card.architecture,
                dimension=card.dimension,
                labels=card.labels,
            )
            self.banks = {
                "known": writer.banks.create("known", BankKind.BLOCK).id,
                "press": writer.banks.create("press", BankKind.ALLOW).id,
            }
        self.matcher = Matcher(store, encoder, self.space, settings)

    def add(self, data: bytes, *, bank: str | None = None, tiled: bool = False) -> int:
        """Index a picture with its parts; return its id."""
        image = self._encoded(data, tiled=tiled)
        stamp = SourceStamp(f"/made/{image.sha256.hex()}", len(data), "1")
        with self.store.writer() as writer:
            arrival = Arrival(stamp, bank_id=self.banks[bank] if bank else None)
            writer.images.add([(image, arrival)], self.space.id)
            image_id = writer.images.ids_by_sha256([image.sha256])[image.sha256]
        self.matcher.catch_up()
        return image_id

    def find(self, data: bytes, *, tiles: bool = False) -> list[Match]:
        """Return the matches that count against a picture, strongest first."""
        matches = match(self.matcher, data, "query", tiles=tiles).matches
        return [match for match in matches if match.suppressed_by is None]

    def _encoded(self, data: bytes, *, tiled: bool) -> NewImage:
        settings = self.settings.model_copy(update={"home": Path(), "database_url": None})
        about = (
            fingerprints.sha256(data),
            tiled,
            self.encoder.card,
            self.encoder.runtime,
            settings,
        )
        if (key := repr(about)) not in self._known:
            self._known[key] = self._new_image(data, tiled=tiled)
        return self._known[key]

    def _new_image(self, data: bytes, *, tiled: bool) -> NewImage:
        picture = decode(data, self.settings.image_limits)
        encoding = self.encoder.encode([picture.rgb])
        height, width, _ = picture.rgb.shape
        return NewImage(
            sha256=fingerprints.sha256(data),
            md5=fingerprints.md5(data),
            pdq=fingerprints.pdq(picture.rgb),
            width=width,
            height=height,
            format=picture.format,
            frame_count=picture.frame_count,
            byte_size=len(data),
            embedding=encoding.embeddings[0],
            probabilities=encoding.probabilities[0],
            parts=tuple(
                self._new_part(part, rgb)
                for part, rgb in parts(data, picture, self.settings, tiled=tiled)
            ),
        )

    def _new_part(self, part: Part, rgb: Rgb) -> NewPart:
        encoding = self.encoder.encode([rgb])
        return NewPart(
            part, fingerprints.pdq(rgb), encoding.embeddings[0], encoding.probabilities[0]
        )
