"""`Repair.problems` finds each way in which the tables can contradict each other."""

import re

import pytest
from sqlalchemy import text

from indexer.store import Store
from indexer.types import BankKind, Space
from support.catalog import add, bind

pytestmark = pytest.mark.postgres


@pytest.fixture
def space(store: Store) -> Space:
    space = bind(store)
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK)
    ids = add(store, space, 1, 2, 3, bank_id=bank.id, frames=1)
    with store.writer() as writer:
        writer.images.remove(ids[1:2])
        writer.images.purge(ids[2:])
    return space


def problems(store: Store, *damage: str, **options: int) -> list[str]:
    """Damage the catalog, look, and take the damage back."""
    with store.writer() as writer:
        for statement in damage:
            writer.connection.execute(text(statement))
        found = writer.repair.problems(**options)
        writer.connection.rollback()
        return found


@pytest.mark.usefixtures("space")
def test_a_sound_catalog_has_no_problems(store: Store) -> None:
    assert problems(store) == []


def test_an_empty_catalog_has_no_problems(store: Store) -> None:
    assert problems(store) == []


@pytest.mark.usefixtures("space")
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("DELETE FROM changes WHERE number = 2", "The log has gaps: 10 changes"),
        ("DELETE FROM changes WHERE number > 9", "images are not what the log says"),
        ("UPDATE images SET removed_at = NULL WHERE id = 2", "the first is image 2"),
        ("DELETE FROM embeddings WHERE part = 0", "images have no embedding; .* image 1"),
        ("DELETE FROM embeddings WHERE part = 1", "parts have no embedding; .* image 1"),
        ("DELETE FROM classifications WHERE part = 0", "images have no class probabilities"),
        ("DELETE FROM classifications WHERE part = 1", "parts have no class probabilities"),
        ("UPDATE embeddings SET part = 5 WHERE part = 1", "embeddings belong to no part"),
        ("UPDATE embeddings SET vector = images.sha256 || vector FROM images", "not 32 bytes"),
        ("UPDATE embeddings SET vector = images.sha256 FROM images", "not of unit length"),
        ("UPDATE entries SET removed_at = NULL, removed_by = NULL", "entries are active although"),
        ("UPDATE banks SET removed_at = created_at", "entries are active although their bank"),
        (
            "UPDATE entries SET removed_at = created_at, removed_by = 'user' WHERE id = 1",
            "1 entries are not what the log says of them; the first is entry 1",
        ),
        ("UPDATE sources SET closed_at = NULL", "1 sources are open although .* image 2"),
        ("UPDATE sources SET image_id = 3", "purged images are not erased wholly; .* image 3"),
        ("UPDATE images SET width = 7 WHERE id = 3", "purged images are not erased"),
        (
            "INSERT INTO local_features (image_id, packed) SELECT id, sha256 FROM images",
            "2 local features are kept although their image is removed; .* image 2",
        ),
        (
            "INSERT INTO thumbnails (image_id, jpeg) SELECT id, sha256 FROM images WHERE id = 3",
            "purged images are not erased wholly; .* image 3",
        ),
    ],
)
def test_a_contradiction_is_found_and_told(store: Store, damage: str, problem: str) -> None:
    found = problems(store, damage)
    assert any(re.search(problem, sentence) for sentence in found), found


def test_vectors_that_are_not_finite_are_found(store: Store, space: Space) -> None:
    nan = "0000c07f" * space.dimension
    blob = f"x'{nan}'" if store.location.startswith("sqlite") else f"'\\x{nan}'"
    [found] = problems(store, f"UPDATE embeddings SET vector = {blob}")
    assert found.startswith("2 embeddings of 1 sampled images are not of unit length")
    assert problems(store, f"UPDATE embeddings SET vector = {blob}", sample=0) == []


@pytest.mark.usefixtures("space")
def test_images_without_a_model_are_told(store: Store) -> None:
    found = problems(
        store, "DELETE FROM embeddings", "DELETE FROM classifications", "DELETE FROM spaces"
    )
    assert found == ["There are images, but the index is bound to no model."]


@pytest.mark.usefixtures("space")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_references_to_nothing_are_found_where_the_database_does_not_forbid_them(
    store: Store,
) -> None:
    with store.writer() as writer:
        writer.connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        writer.connection.execute(text("UPDATE entries SET bank_id = 9"))
        assert "3 rows of the table entries belong to something" in writer.repair.problems()[0]
        writer.connection.rollback()
