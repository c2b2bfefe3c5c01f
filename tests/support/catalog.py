"""Made-up catalog content: what is stored does not depend on real pictures."""

from hashlib import md5, sha256

import numpy as np

from indexer.store import Arrival, Store, open_store
from indexer.types import (
    BankKind,
    Fingerprint,
    FingerprintKind,
    NewImage,
    NewPart,
    Part,
    PartKind,
    Pdq,
    SourceDetails,
    SourceStamp,
    Space,
)

DIMENSION = 8
FINGERPRINT = "ab" * 32
LABELS = ("drawing", "photo")


def bind(store: Store) -> Space:
    with store.writer() as writer:
        return writer.spaces.register(
            fingerprint=FINGERPRINT,
            model="folder/of/a/model",
            architecture="vit_tiny",
            dimension=DIMENSION,
            labels=LABELS,
        )


def new_image(seed: int, *, pdq_quality: int = 100, frames: int = 0, tiles: int = 0) -> NewImage:
    """Make an image that depends on nothing but its seed, with that many further parts."""
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
        parts=(
            *(_part(seed, Part(PartKind.FRAME, n, None)) for n in range(1, frames + 1)),
            *(_part(seed, Part(PartKind.TILE, n, (0, 100 * n, 640, 100))) for n in range(tiles)),
        ),
    )


def _part(seed: int, part: Part) -> NewPart:
    """Make a part; its PDQ quality is 40 when its number is even."""
    whole = new_image(1_000_000 + 1000 * seed + 10 * part.number + (part.box is None))
    pdq = Pdq(whole.pdq.bits, 100 if part.number % 2 else 40)
    return NewPart(part, pdq, whole.embedding, whole.probabilities)


def bare_pdq(seed: int) -> Fingerprint:
    """Make the fingerprint of a picture that is not at hand."""
    return Fingerprint(FingerprintKind.PDQ, np.random.default_rng(seed).bytes(32))


def arrival(
    name: str,
    *,
    version: str = "1",
    details: SourceDetails | None = None,
    bank_id: int | None = None,
) -> Arrival:
    """Say that bytes were found in a file of the folder /pictures."""
    stamp = SourceStamp(f"/pictures/{name}", 100, version)
    return Arrival(stamp, details or SourceDetails(), bank_id)


def item(seed: int, *, bank_id: int | None = None, **kinds: int) -> tuple[NewImage, Arrival]:
    """Make an image with a source of its own; `kinds` as `new_image` takes them."""
    return new_image(seed, **kinds), arrival(f"{seed}.jpg", bank_id=bank_id)


def add(
    store: Store, space: Space, *seeds: int, bank_id: int | None = None, **kinds: int
) -> list[int]:
    """Add images in one transaction; return their ids in the order of the seeds."""
    with store.writer() as writer:
        writer.images.add([item(seed, bank_id=bank_id, **kinds) for seed in seeds], space.id)
        ids = writer.images.ids_by_sha256([new_image(seed).sha256 for seed in seeds])
        return [ids[new_image(seed).sha256] for seed in seeds]


def add_one_by_one(url: str, seeds: list[int]) -> None:
    """Add images, one transaction each: the work of a process that competes with others."""
    with open_store(url) as store:
        space = bind(store)
        with store.writer() as writer:
            bank = writer.banks.create("unsafe", BankKind.BLOCK)
        for seed in seeds:
            add(store, space, seed, bank_id=bank.id)
