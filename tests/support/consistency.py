"""What must be true of every index at any moment, whatever happened to those who wrote it."""

from dataclasses import dataclass
from sys import maxsize
from typing import Any

import numpy as np
from sqlalchemy import text

from indexer.matching import Matcher
from indexer.store import Store


@dataclass(frozen=True)
class Content:
    """What an index holds."""

    images: dict[int, bytes]  # SHA-256 by id, active ones
    sources: dict[str, int]  # image ids by URI, open ones
    entries: set[int]  # image ids of active entries
    quarantined: set[str]  # URIs
    flat: set[int]  # images of which nothing has a PDQ quality of 50
    changes: int

    @property
    def digests(self) -> dict[str, bytes]:
        """SHA-256 of the image at each source."""
        return {uri: self.images[image_id] for uri, image_id in self.sources.items()}

    def keeps(self, before: "Content") -> bool:
        """Tell whether all that was there before still is, under the same ids."""
        return (
            before.images.items() <= self.images.items()
            and before.sources.items() <= self.sources.items()
            and before.entries <= self.entries
            and before.changes <= self.changes
        )


def examine(store: Store) -> Content:
    """Read what an index holds, and check that its tables agree with each other and with the log.

    For an index from which nothing was removed and whose files did not change.
    """
    with store.reader() as catalog:

        def column(statement: str) -> list[Any]:
            return list(catalog.connection.execute(text(statement)).scalars())

        def pairs(statement: str) -> list[tuple[Any, Any]]:
            return [(a, b) for a, b in catalog.connection.execute(text(statement))]

        numbers = column("SELECT number FROM changes ORDER BY number")
        assert numbers == list(range(1, len(numbers) + 1)), "the log has gaps"
        images = dict(pairs("SELECT id, sha256 FROM images WHERE removed_at IS NULL"))
        assert len(set(images.values())) == len(images), "an image is there twice"
        ids = sorted(images)
        logged = "SELECT subject_id FROM changes WHERE subject = '{}' AND operation = 'added'"
        assert sorted(column(logged.format("image"))) == ids, "the log and the images differ"
        parts = pairs("SELECT image_id, part FROM parts")
        assert {image_id for image_id, _ in parts} <= set(ids), "parts without an image"
        whole = [(image_id, 0) for image_id in ids]
        for table in ("embeddings", "classifications"):
            held = pairs(f"SELECT image_id, part FROM {table}")
            assert sorted(held) == sorted(whole + parts), f"images and {table} differ"
        sources = pairs("SELECT uri, image_id FROM sources WHERE closed_at IS NULL")
        assert len(dict(sources)) == len(sources), "a source is open twice"
        assert {image_id for _, image_id in sources} == set(ids), "images without a source"
        entries = column("SELECT image_id FROM entries WHERE removed_at IS NULL")
        assert len(set(entries)) == len(entries), "an image is an entry twice"
        assert set(entries) <= set(ids), "an entry without an image"
        assert sorted(column(logged.format("entry"))) == sorted(
            column("SELECT id FROM entries WHERE removed_at IS NULL")
        ), "the log and the entries differ"
        quarantined = set(column("SELECT uri FROM quarantine"))
        hashable = "SELECT id FROM images WHERE pdq_quality >= 50 UNION "
        hashable += "SELECT image_id FROM parts WHERE pdq_quality >= 50"
        flat = set(ids) - set(column(hashable))
        assert catalog.repair.problems(maxsize) == []
    return Content(
        images={key: bytes(value) for key, value in images.items()},
        sources=dict(sources),
        entries=set(entries),
        quarantined=quarantined,
        flat=flat,
        changes=len(numbers),
    )


def assert_views_hold(matcher: Matcher, content: Content) -> None:
    """Check the views against the images, and against the whole log with their own means."""
    matcher.catch_up()
    embeddings, pdqs, _ = matcher.views
    every = sorted(content.images)
    hashable = sorted(content.images.keys() - content.flat)
    assert np.unique(embeddings.index.keys()).tolist() == every
    assert np.unique(pdqs.index.keys()).tolist() == hashable
    for view in matcher.views:
        assert view.watermark == content.changes
        assert view.verify() == []
