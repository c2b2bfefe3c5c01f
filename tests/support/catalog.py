"""Made-up catalog content: what is stored does not depend on real pictures."""

from hashlib import md5, sha256

import numpy as np

from indexer.store import Store, open_store
from indexer.types import BankKind, NewImage, Pdq, SourceStamp, Space

DIMENSION = 8
FINGERPRINT = "ab" * 32
LABELS = ("drawing", "photo")


def bind(store: Store) -> Space:
    with store.writer() as writer:
        return writer.register_space(
            fingerprint=FINGERPRINT,
            model="folder/of/a/model",
            architecture="vit_tiny",
            dimension=DIMENSION,
            labels=LABELS,
        )


def new_image(seed: int, *, pdq_quality: int = 100) -> NewImage:
    """Make an image that depends on nothing but its seed."""
    random = np.random.default_rng(seed)
    embedding = random.standard_normal(DIMENSION).astype(np.float32)
    share = random.random(dtype=np.float32)
    data = f"image {seed}".encode()
    return NewImage(
        sha256=sha256(data).digest(),
        md5=md5(data, usedforsecurity=False).digest(),
        pdq=Pdq(random.bytes(32), pdq_quality),
        width=640,
        height=480,
        format="JPEG",
        frame_count=1,
        byte_size=len(data),
        embedding=embedding / np.linalg.norm(embedding),
        probabilities=np.array([share, 1 - share], np.float32),
    )


def stamp(name: str, *, mtime_ns: int = 1) -> SourceStamp:
    return SourceStamp(f"/pictures/{name}", 100, mtime_ns)


def item(seed: int, *, pdq_quality: int = 100) -> tuple[NewImage, SourceStamp]:
    """Make an image with a source of its own."""
    return new_image(seed, pdq_quality=pdq_quality), stamp(f"{seed}.jpg")


def add(store: Store, space: Space, *seeds: int, bank_id: int | None = None) -> list[int]:
    """Add images in one transaction; return their ids in the order of the seeds."""
    with store.writer() as writer:
        writer.add_images([item(seed) for seed in seeds], space.id, bank_id)
        ids = writer.ids_by_sha256([new_image(seed).sha256 for seed in seeds])
        return [ids[new_image(seed).sha256] for seed in seeds]


def add_one_by_one(url: str, seeds: list[int]) -> None:
    """Add images, one transaction each: the work of a process that competes with others."""
    with open_store(url) as store:
        space = bind(store)
        with store.writer() as writer:
            bank = writer.create_bank("unsafe", BankKind.BLOCK)
        for seed in seeds:
            add(store, space, seed, bank_id=bank.id)
