"""Measure what the matcher costs beyond the searches it makes, among 1,000,000 bank entries.

The entries are made up: random unit vectors of the shipped model's length and random PDQ, written
into a new SQLite index through the store as `index add` would, in a block bank. The query is a
small picture for which a made-up model gives the vector of one entry, disturbed; so decoding
and PDQ of 96 x 96 pixels are in our time, and a forward pass is not.

Bare FAISS is the same searches on one IndexFlatIP and one IndexBinaryFlat that hold the same
vectors: same k, same threads, the embedding once and PDQ in 8 orientations. Two ways to ask:

- one bank: its entries are searched
- everything: all banks' entries and the gallery are searched, so bare FAISS searches twice

Prints the medians and their ratio; with --profile, where the time goes.

Example: python benchmarks/matcher.py --entries 1000000
"""

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

import faiss
import numpy as np
from PIL import Image

from indexer.evaluation.made_up_images import add_made_up
from indexer.images import fingerprints
from indexer.matching import Matcher, Query, SearchOptions
from indexer.model import load_encoder
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.store import Store, open_store, upgrade
from indexer.types import (
    BankKind,
    Embeddings,
    Encoding,
    PdqBits,
    Space,
)
from indexer.vectors import VectorIndex

BANK = "known"
QUERIES = 20
SIDE = 96  # pixels of the query


class GivenVector:
    """An encoder that answers every picture with one vector."""

    runtime = "none"
    batch_size = 1
    decode_size = (SIDE, SIDE)

    def __init__(self, space: Space) -> None:
        self.card: Any = None
        self.vector: Embeddings = np.zeros(space.dimension, np.float32)
        self._probabilities = np.full((1, len(space.labels)), 1 / len(space.labels), np.float32)

    def prepare(self, _rgb: object) -> Any:
        """Give nothing: a small still picture has no parts."""
        raise NotImplementedError

    def forward(self, _prepared: object) -> Encoding:
        """Likewise."""
        raise NotImplementedError

    def embed(self, _prepared: object) -> Embeddings:
        """Likewise."""
        raise NotImplementedError

    def encode(self, _images: object) -> Encoding:
        """Answer without looking."""
        return Encoding(self._probabilities, self.vector[np.newaxis])


def unit(vectors: Embeddings) -> Embeddings:
    """Bring rows to length 1."""
    lengths: Embeddings = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def fill(store: Store, space: Space, count: int) -> None:
    """Write made-up images into a bank."""
    with store.writer() as writer:
        bank = writer.banks.create(BANK, BankKind.BLOCK)
    add_made_up(store, space, count, bank.id)


def queries(index: VectorIndex, random: np.random.Generator) -> Iterator[tuple[bytes, Embeddings]]:
    """Yield pictures of noise, each with a vector that is near one of the stored ones."""
    _, vectors = index.reconstruct(random.choice(index.keys(), QUERIES))
    for vector in vectors:
        noise = random.standard_normal(len(vector)).astype(np.float32)
        near = vector + 0.3 * noise / np.linalg.norm(noise)
        buffer = BytesIO()
        small = random.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(small).resize((SIDE, SIDE)).save(buffer, "PNG")
        yield buffer.getvalue(), unit(near[np.newaxis])


def milliseconds(action: Callable[..., object], *arguments: Any, **options: Any) -> float:
    """Time one call."""
    begun = time.perf_counter()
    action(*arguments, **options)
    return 1000 * (time.perf_counter() - begun)


@contextmanager
def new_index(home: Path) -> Iterator[tuple[Store, Space, Settings]]:
    """Make an index for vectors of the shipped model's length."""
    settings = Settings(home=home, snapshot_every=10**9, snapshot_seconds=10**9, query_views="none")
    upgrade(settings.resolved_database_url)
    card = load_encoder(SHIPPED_MODEL, "cpu", "torch").card
    with open_store(settings.resolved_database_url) as store:
        with store.writer() as writer:
            space = writer.spaces.register(
                fingerprint=card.fingerprint,
                model=card.reference,
                architecture=card.architecture,
                dimension=card.dimension,
                labels=card.labels,
            )
        yield store, space, settings


class BareFaiss:
    """The searches alone."""

    def __init__(self, matcher: Matcher) -> None:
        embeddings, pdqs, _ = (view.index for view in matcher.views)
        self._flat = faiss.IndexFlatIP(embeddings.dimension)
        self._flat.add(embeddings.reconstruct(embeddings.keys())[1])
        self._binary = faiss.IndexBinaryFlat(pdqs.dimension)
        self._binary.add(pdqs.reconstruct(pdqs.keys())[1])

    def search(self, vector: Embeddings, pdq: PdqBits, k: int, times: int) -> None:
        """Search one vector, and PDQ in its orientations, so many times."""
        for _ in range(times):
            self._flat.search(vector, k)
            self._binary.search(pdq, k)


def measure(matcher: Matcher, encoder: GivenVector, bare: BareFaiss, asked: Any, k: int) -> None:
    """Time both in turn, and print the medians."""
    print("| asked | matcher, ms | bare FAISS, ms | ratio |")
    print("|---|---|---|---|")
    for name, banks, searches in (("one bank", (BANK,), 1), ("everything", (), 2)):
        ours, theirs = [], []
        for data, vector in asked:
            with Image.open(BytesIO(data)) as picture:
                pdq = fingerprints.pdq_orientations(np.asarray(picture)).bits
            encoder.vector = vector[0]
            options = SearchOptions(k=k, banks=banks)
            ours.append(milliseconds(matcher.answer, Query.picture(data, "query"), options))
            theirs.append(milliseconds(bare.search, vector, pdq, k, searches))
        del ours[:2], theirs[:2]  # the first to ask pays for what is remembered
        ratio = median(ours) / median(theirs)
        print(f"| {name} | {median(ours):.1f} | {median(theirs):.1f} | {ratio:.2f} |")


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the bank")
    parser.add_argument("-k", type=int, default=10, help="matches asked for")
    parser.add_argument("--home", type=Path, help="index to fill, or to use as it is when filled")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        new_index(arguments.home or Path(scratch)) as (store, space, settings),
    ):
        begun = time.perf_counter()
        with store.reader() as catalog:
            is_filled = catalog.log.head() > 0
        if not is_filled:
            fill(store, space, arguments.entries)
        filled = time.perf_counter()
        encoder = GivenVector(space)
        matcher = Matcher(store, encoder, space, settings)
        matcher.catch_up()
        index = matcher.views.embeddings.index
        print(
            f"{len(index)} made-up entries of {space.dimension} dimensions, "
            f"{os.cpu_count()} cores, FAISS on {faiss.omp_get_max_threads()}, "
            f"{datetime.now(UTC):%Y-%m-%d}; written in {filled - begun:.0f} s, "
            f"views caught up in {time.perf_counter() - filled:.0f} s",
            flush=True,
        )
        bare = BareFaiss(matcher)
        asked = list(queries(index, np.random.default_rng(1)))
        measure(matcher, encoder, bare, asked, arguments.k)
        if arguments.profile:
            with cProfile.Profile() as profile:
                for data, vector in asked:
                    encoder.vector = vector[0]
                    matcher.answer(Query.picture(data, "query"), SearchOptions(k=arguments.k))
            pstats.Stats(profile).sort_stats("cumulative").print_stats(40)


if __name__ == "__main__":
    main()
