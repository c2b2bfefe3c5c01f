"""Pinecone engine."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
import pinecone

from indexer.engines.base import PLACES, Capabilities, Collection, Rows, unavailable_when
from indexer.engines.engine_address import SETTING, EngineAddress
from indexer.engines.engine_requests import PATIENCE, batches, http_url, with_api_key
from indexer.errors import DimensionMismatch, SettingsError
from indexer.types import Embeddings, Keys

_FAILURES: Final = (pinecone.PineconeError, OSError)
_KEY_VARIABLE: Final = "PINECONE_API_KEY"
_KEY: Final = "key"  # of the metadata
_MOST_SENT: Final = 1000  # vectors or ids of one request
_MOST_FLOATS: Final = 2_000_000 // 24  # of one request: bytes, and those of a number as JSON
_ATTEMPTS: Final = 4  # the library's, each of which may take the timeout
_READY: Final = 300  # seconds until an index is ready, or gone


class PineconeEngine:
    """An index whose vectors' ids are row ids with leading zeros.

    What is written is seen some seconds later. There is no search by range. A filter may overlook
    what was written just before, so keys are removed by it and by the id of their first vector,
    which for most is the only one.
    """

    capabilities = Capabilities(max_k=10_000, floor=False, read_after_write=False)

    def __init__(self, address: EngineAddress, collection: Collection) -> None:
        self._address, self._host = address, http_url(address)
        self._name = collection.name.replace("_", "-")
        self._dimension = collection.dimension
        self._timeout = collection.timeout / _ATTEMPTS
        self._sent = max(1, min(_MOST_SENT, _MOST_FLOATS // (collection.dimension + 10)))
        self._walk: Iterator[int] = iter(())  # through the ids that follow
        self._walked: int | None = None  # the last row that was listed

    @cached_property
    def _client(self) -> pinecone.Pinecone:
        return pinecone.Pinecone(
            api_key=self._address.password,
            host=self._host,
            timeout=PATIENCE,
            retry_config=pinecone.RetryConfig(max_retries=_ATTEMPTS - 1),
        )

    @cached_property
    def _index(self) -> pinecone.Index:
        return self._client.index(host=self._client.indexes.describe(self._name).host or "")

    @contextmanager
    def _calling(self) -> Iterator[pinecone.Index]:
        with unavailable_when(_FAILURES, self._address):
            yield self._index

    def ensure(self) -> bool:
        with unavailable_when(_FAILURES, self._address):
            if is_new := not self._client.indexes.exists(self._name):
                self._create()
            self._leave()
            dimension = self._client.indexes.describe(self._name).dimension
        if dimension != self._dimension:
            raise DimensionMismatch(expected=self._dimension, got=dimension or 0)
        return is_new

    def _create(self) -> None:
        given = self._address.options
        cloud, region = given.get("cloud", "aws"), given.get("region", "us-east-1")
        place = {"deployment_type": "managed", "cloud": cloud, "region": region}
        with suppress(pinecone.ConflictError):  # another process was faster
            self._client.indexes.create(
                name=self._name, dimension=self._dimension, deployment=place, timeout=_READY
            )  # of cosine similarity

    def upsert(self, rows: Rows, vectors: Embeddings) -> None:
        for batch in batches(rows, vectors, self._sent):
            made = [(_id(row), each.tolist(), {_KEY: key}) for row, key, each in batch]
            with self._calling() as index:
                index.upsert(vectors=made, timeout=PATIENCE)

    def remove(self, keys: Keys) -> None:
        for start in range(0, len(keys), _MOST_SENT):
            wanted = keys[start : start + _MOST_SENT].tolist()
            with self._calling() as index:
                index.delete(ids=[_id(key << PLACES) for key in wanted], timeout=PATIENCE)
                index.delete(filter={_KEY: {"$in": wanted}}, timeout=PATIENCE)

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> list[Rows]:
        asked = queries.tolist()
        with self._calling() as index:
            answers = [index.query(vector=each, top_k=k, timeout=self._timeout) for each in asked]
        return [np.array([int(each.id) for each in found.matches], np.int64) for found in answers]

    def count(self) -> int:
        with self._calling() as index:
            return int(index.describe_index_stats(timeout=PATIENCE).total_vector_count)

    def rows(self, after: int, limit: int) -> Rows:
        walk = self._walk if self._walked == after else self._ids_above(after)
        self._walked = None
        with unavailable_when(_FAILURES, self._address):
            found = list(islice(walk, limit))
        self._walk, self._walked = walk, found[-1] if found else None
        return np.array(found, np.int64)

    def _ids_above(self, after: int) -> Iterator[int]:
        """Yield ids in order; lists begin at a prefix only, so by the prefixes of all above it."""
        first = _id(after + 1)
        turns = ((place, range(int(first[place]) + 1, 10)) for place in reversed(range(len(first))))
        above = [f"{first[:place]}{digit}" for place, digits in turns for digit in digits]
        for prefix in [first, *above] if after >= 0 else [None]:
            for page in self._index.list(prefix=prefix, timeout=PATIENCE):
                yield from (int(each.id or 0) for each in page.vectors)

    def drop(self) -> None:
        self._leave()
        with unavailable_when(_FAILURES, self._address), suppress(pinecone.NotFoundError):
            self._client.indexes.delete(self._name, timeout=_READY)

    def close(self) -> None:
        self._leave()
        if opened := vars(self).pop("_client", None):
            opened.close()

    def _leave(self) -> None:
        """Forget the host of the index: made anew, it has another."""
        if (left := vars(self).pop("_index", None)) is not None:
            left.close()


def _id(row: int) -> str:
    return f"{row:019d}"  # ids are listed in the order of their characters


def connect(address: EngineAddress, collection: Collection) -> PineconeEngine:
    """Make an engine of Pinecone: `pinecone://?cloud=aws&region=us-east-1`."""
    address.require_options({"cloud", "region", "tls"})
    address = with_api_key(replace(address, host=address.host or "api.pinecone.io"), _KEY_VARIABLE)
    if not address.password:
        raise SettingsError(f"{SETTING}: pinecone:// needs the variable {_KEY_VARIABLE}.")
    return PineconeEngine(address, collection)
