"""Bank contents: pictures or bare signals, with their metadata."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from indexer.errors import InputError, InvalidFingerprint
from indexer.ingest import make_image, write_entry
from indexer.matching import Matcher
from indexer.settings import Settings
from indexer.signals.lookup import Signals
from indexer.signals.signal_type import SignalType
from indexer.store import Catalog, Store
from indexer.types import Content, ContentMetadata, Fingerprint, NewImage


class Contents:
    """Adds contents and says what signals they have; safe to use from several threads.

    The id of a content is that of its entry, or of the first of its entries.

    Parameters
    ----------
    store : Store
    matcher : Matcher
    signals : Signals
    settings : Settings
    """

    def __init__(
        self, store: Store, matcher: Matcher, signals: Signals, settings: Settings
    ) -> None:
        self._store = store
        self._matcher = matcher
        self._signals = signals
        self._settings = settings

    def prepare(self, bank: str, data: bytes) -> NewImage:
        """Decode and encode a picture that is to join a block bank.

        Raises
        ------
        NotFoundError
            There is no such block bank; this is checked before the picture is decoded.
        InputError
            It is no picture that we can use.
        """
        with self._store.reader() as catalog:
            catalog.banks.require_block(bank)
        return make_image(data, self._matcher.classifier.encoder, self._settings)

    def bare_signals(
        self, bank: str, data: bytes, types: Iterable[SignalType[Any]]
    ) -> dict[str, str]:
        """Return the signals of a picture that are to join a block bank without it, by type.

        Raises
        ------
        NotFoundError
            As for `prepare`.
        InputError
            It is no picture that we can use, or has no signal of these types.
        """
        with self._store.reader() as catalog:
            catalog.banks.require_block(bank)
        wanted = list(types)
        signals = self._signals.hash(self._signals.picture(data), wanted)
        if not signals:
            names = ", ".join(each.name for each in wanted)
            raise InputError(
                f"The image is too flat for a {names} signal. Add it without `types` to "
                "match it by all its other signals."
            )
        return signals

    def add_picture(
        self,
        bank: str,
        picture: NewImage,
        *,
        uri: str | None = None,
        metadata: ContentMetadata | None = None,
        note: str | None = None,
    ) -> Content:
        """Let a picture join the index and a block bank; one that is there already stays.

        Parameters
        ----------
        bank : str
        picture : NewImage
            As `prepare` gives it.
        uri : str, optional
            Where it was found.
        metadata : ContentMetadata, optional
        note : str, optional

        Raises
        ------
        NotFoundError
            There is no such block bank.
        """
        with self._store.writer() as writer:
            writer.banks.require_block(bank)
            entry_id = write_entry(writer, picture, self._matcher.space, bank, uri).id
            writer.contents.describe(entry_id, metadata, note)
            return writer.contents.get(bank, entry_id)

    def add_signals(
        self,
        bank: str,
        signals: Mapping[str, str],
        *,
        metadata: ContentMetadata | None = None,
        note: str | None = None,
    ) -> Content:
        """Let bare signals of one thing join a block bank as one content.

        Parameters
        ----------
        bank : str
        signals : mapping of str to str
            By the name of their type.
        metadata : ContentMetadata, optional
        note : str, optional

        Raises
        ------
        NotFoundError
            There is no such block bank.
        InputError
            There is no signal, no such type, or it cannot be stored without its picture.
        InvalidFingerprint
            A signal is none of its type, or that of no content.
        """
        if not signals:
            raise InputError("No signals given.")
        with self._store.writer() as writer:
            bank_id = writer.banks.require_block(bank)
            values = [self._fingerprint(writer, *each) for each in signals.items()]
            content_id = writer.contents.add(bank_id, values)
            writer.contents.describe(content_id, metadata, note)
            return writer.contents.get(bank, content_id)

    def signals_of(
        self, catalog: Catalog, content: Content, names: Collection[str] = ()
    ) -> dict[str, str]:
        """Return the signals of a content by type; those that it does not have are left out.

        Parameters
        ----------
        catalog : Catalog
        content : Content
        names : collection of str
            Of the types wanted, as for `Signals.wanted`.

        Raises
        ------
        InputError
            There is no such type, or it is switched off.
        """
        types = self._signals.wanted(catalog, names)
        ids = [entry.image_id for entry in content.entries if entry.image_id is not None]
        records = catalog.images.get_many(ids, self._matcher.space.id, with_embedding=True).values()
        values: dict[str, str] = {}
        for each in types:
            for record in records:
                value = each.of_image(record)
                if value is not None:
                    values[each.name] = each.write(value)
            for entry in content.entries:
                if entry.fingerprint and entry.fingerprint.kind is each.kind:
                    values[each.name] = entry.fingerprint.hex
        return values

    def _fingerprint(self, catalog: Catalog, name: str, text: str) -> Fingerprint:
        (kind,) = self._signals.wanted(catalog, [name])
        value: Any = kind.parse(text)
        if value is None:
            raise InvalidFingerprint(
                f"Invalid {name} signal: it is that of empty content, which matches by accident."
            )
        fingerprint = kind.fingerprint(value)
        if fingerprint is None:
            raise InputError(
                f"Signals of type {name} are only stored with their image. Add the image itself."
            )
        return fingerprint
