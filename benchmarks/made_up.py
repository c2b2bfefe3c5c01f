"""Made-up images: random unit vectors and fingerprints, written straight into the store."""

import numpy as np

from indexer.store import Arrival, Store
from indexer.types import NewImage, Pdq, SourceStamp, Space

_BATCH = 5_000
_SEED = 20261123


def add_made_up(store: Store, space: Space, count: int, bank_id: int | None = None) -> None:
    """Write made-up images, into a bank if one is given."""
    random = np.random.default_rng(_SEED)
    probabilities = np.full(len(space.labels), 1 / len(space.labels), np.float32)
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        vectors = random.standard_normal((size, space.dimension), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        items = [
            (
                NewImage(
                    sha256=random.bytes(32),
                    md5=random.bytes(16),
                    pdq=Pdq(random.bytes(32), 100),
                    width=640,
                    height=480,
                    format="JPEG",
                    frame_count=1,
                    byte_size=1,
                    embedding=vector,
                    probabilities=probabilities,
                ),
                Arrival(SourceStamp(f"made-up/{row}", 1, "1"), bank_id=bank_id),
            )
            for row, vector in enumerate(vectors, start)
        ]
        with store.writer() as writer:
            writer.images.add(items, space.id)
