"""Is COPY quicker than inserts? Rows as an ingest writes them, into Postgres.

Each batch is a transaction, as in an ingest: embeddings of 512 dimensions, parts, and local
features of 16 KB, made up. Both ways take turns, twice, on empty tables; the quicker turn of each
counts. Microseconds a row, and those in which this process used a core.

Example: python benchmarks/bulk_insert.py postgresql://localhost/empty
"""

import argparse
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
from sqlalchemy import insert, text

from indexer.store import Store, open_store, upgrade
from indexer.store.bulk_insert import bulk_insert
from indexer.store.models import Base

DIMENSION: Final = 512
IMAGES: Final = 6_000
BATCHES: Final = (64, 256, 1_000)
Row = dict[str, Any]
_IMAGES: Final = (
    "INSERT INTO images (id, sha256, md5, pdq, pdq_quality, width, height, format, frame_count, "
    "byte_size, created_at) SELECT n, sha256(n::text::bytea), "
    "substr(sha256(n::text::bytea), 1, 16), sha256(n::text::bytea), 90, 1, 1, 'PNG', 1, 1, now() "
    "FROM generate_series(1, :images) AS g(n)"
)


def made_up(random: np.random.Generator) -> dict[str, Callable[[int], Row]]:
    """Return what makes the row of an image, by table."""
    vectors = random.standard_normal((IMAGES, DIMENSION)).astype(np.float32)
    packed = [random.bytes(16_000) for _ in range(500)]
    return {
        "embeddings": lambda n: {
            "image_id": n + 1,
            "space_id": 1,
            "part": 0,
            "vector": vectors[n],
        },
        "parts": lambda n: {
            "image_id": n + 1,
            "part": 1,
            "kind": "crop",
            "number": 1,
            "box": [0, 0, 9, 9],
            "pdq": packed[n % 500][:32],
            "pdq_quality": 90,
        },
        "local_features": lambda n: {"image_id": n + 1, "packed": packed[n % 500]},
    }


def measure(store: Store, table: str, batch: int, row: Callable[[int], Row], *, copy: bool) -> Row:
    """Fill an empty table; return microseconds a row."""
    with store.writer() as writer:
        writer.connection.execute(text(f"TRUNCATE {table}"))
    begun, used = perf_counter(), process_time()
    for start in range(0, IMAGES, batch):
        rows = [row(n) for n in range(start, min(start + batch, IMAGES))]
        with store.writer() as writer:
            if copy:
                bulk_insert(writer.connection, Base.metadata.tables[table], rows)
            else:
                writer.connection.execute(insert(Base.metadata.tables[table]), rows)
    scale = 1e6 / IMAGES
    return {"wall": (perf_counter() - begun) * scale, "own": (process_time() - used) * scale}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="an empty Postgres database")
    url: str = parser.parse_args().url
    upgrade(url)
    print("| table | rows a batch | insert | own | COPY | own | of the insert |")
    print("|---|---|---|---|---|---|---|")
    with open_store(url) as store:
        with store.writer() as writer:
            writer.spaces.register(
                fingerprint="ab" * 32,
                model="m",
                architecture="a",
                dimension=DIMENSION,
                labels=("a", "b"),
            )
            writer.connection.execute(text(_IMAGES), {"images": IMAGES})
        for table, row in made_up(np.random.default_rng(0)).items():
            for batch in BATCHES:
                turns = [
                    [measure(store, table, batch, row, copy=copy) for copy in (False, True)]
                    for _ in range(2)
                ]
                old, new = (
                    min(way, key=lambda turn: turn["wall"]) for way in zip(*turns, strict=True)
                )
                print(
                    f"| {table} | {batch} | {old['wall']:.0f} | {old['own']:.0f} | "
                    f"{new['wall']:.0f} | {new['own']:.0f} | {new['wall'] / old['wall']:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
