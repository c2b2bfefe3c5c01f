"""A folder of photos, and an index with the smallest model to feed it to."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer.embedding_space import bind_space, load_bound_encoder
from indexer.ingest import Ingest, Plan, Planner
from indexer.model import Encoder, ModelCard, Prepared
from indexer.settings import Settings
from indexer.sources import open_sources
from indexer.store import Store
from indexer.types import Embeddings, Encoding, Rgb
from support.commands import PHOTOS

NAMES = ("bee.jpg", "camels.jpg", "coffee.jpg", "crab.jpg", "koala.jpg", "swans.jpg")


@dataclass(frozen=True)
class Place:
    """An index, and a folder to feed it from."""

    store: Store
    settings: Settings
    folder: Path

    @property
    def files(self) -> list[str]:
        return sorted(str(path) for path in self.folder.iterdir())

    def ingest(self, wrap: Callable[[Encoder], Encoder] = lambda encoder: encoder) -> Ingest:
        """Open the index for adding, perhaps with something around its encoder."""
        encoder, space = load_bound_encoder(self.store, self.settings)
        return Ingest(self.store, wrap(encoder), space, self.settings)

    def found(self, *specs: object, follow_links: bool = False) -> Any:
        """Open sources, the folder by default."""
        names = [str(spec) for spec in specs or (self.folder,)]
        return open_sources(names, self.settings, follow_links=follow_links)

    def plan(self, *specs: object, tiled: bool = False) -> Plan:
        return Planner(self.store, self.settings, tiled=tiled).plan(self.found(*specs))

    def sources_of(self, image_id: int) -> tuple[str, ...]:
        with self.store.reader() as catalog:
            return catalog.images.get(image_id).sources

    def image_at(self, path: Path) -> int:
        with self.store.reader() as catalog:
            return catalog.sources.known([str(path)])[str(path)].image_id


def make_place(store: Store, model: Path, base: Path, **changes: Any) -> Place:
    """Bind an index to the model, and make a folder of six photos; nothing is cut by default."""
    plain = {"batch_size": 2, "query_views": "none"}
    settings = Settings(home=base / "home", model=str(model), **{**plain, **changes})
    bind_space(store, settings)
    folder = base / "photos"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(PHOTOS / name, folder / name)
    return Place(store, settings, folder)


def rewrite(path: Path, data: bytes) -> None:
    """Replace what a file holds, and see to it that its time of change differs."""
    before = path.stat().st_mtime_ns
    path.write_bytes(data)
    touch(path, before + 10**9)


def touch(path: Path, mtime_ns: int) -> None:
    os.utime(path, ns=(mtime_ns, mtime_ns))


def noise(path: Path, seed: int, size: tuple[int, int] = (96, 96)) -> Path:
    """Write a small picture of its own."""
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(path)
    return path


@dataclass
class Watched:
    """An encoder that tells of its calls: `before` sees each batch of pictures before the model."""

    encoder: Encoder
    before: Callable[[Sequence[Prepared]], None]
    batch_size: int = 1

    @property
    def card(self) -> ModelCard:
        return self.encoder.card

    @property
    def runtime(self) -> str:
        return self.encoder.runtime

    @property
    def decode_size(self) -> tuple[int, int]:
        return self.encoder.decode_size

    def prepare(self, rgb: Rgb) -> Prepared:
        return self.encoder.prepare(rgb)

    def forward(self, prepared: Any) -> Encoding:
        self.before(prepared)
        return self.encoder.forward(prepared)

    def embed(self, prepared: Any) -> Embeddings:
        self.before(prepared)
        return self.encoder.embed(prepared)

    def encode(self, images: Sequence[Rgb]) -> Encoding:
        return self.forward([self.prepare(image) for image in images])
