"""Copies of a table: how they are read, and that a fusion is fitted to them too."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import InputError, UnreadableSource
from indexer.model import load_encoder
from indexer.model.training.copy_table import read_copies
from indexer.model.training.fusion_data import measure_evidence
from indexer.settings import Settings
from support.commands import PHOTOS
from support.models import make_tiny


def test_copies_are_listed_by_their_original_relative_to_the_table(tmp_path: Path) -> None:
    table = tmp_path / "styled" / "copies.csv"
    table.parent.mkdir()
    table.write_text(
        "query_path,reference_path,transform\n"
        "a.jpg,../photos/1.jpg,style\n"
        "stranger.jpg,,\n"
        "b.jpg,../photos/1.jpg,style\n"
    )

    copies = read_copies(table)

    original = (tmp_path / "photos" / "1.jpg").resolve()
    assert copies == {original: [table.parent / "a.jpg", table.parent / "b.jpg"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("query_path,transform\na.jpg,style\n", "has no column reference_path"),
        ("query_path,reference_path\na.jpg,\n", "lists no copies"),
        ("", "has no column query_path, reference_path"),
    ],
)
def test_a_table_without_copies_is_refused(tmp_path: Path, content: str, message: str) -> None:
    table = tmp_path / "copies.csv"
    table.write_text(content)

    with pytest.raises(InputError, match=message):
        read_copies(table)


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match=r"none\.csv cannot be read"):
        read_copies(tmp_path / "none.csv")


def test_given_copies_are_measured_beside_the_edits(tmp_path: Path) -> None:
    encoder = load_encoder(str(make_tiny(tmp_path / "model")), "cpu")
    photos = tmp_path / "photos"
    photos.mkdir()
    names = [path.name for path in sorted(PHOTOS.glob("*.jpg"))[:6]]
    for name in names:
        shutil.copy(PHOTOS / name, photos)

    def copies(made: Mapping[Path, Sequence[Path]]) -> int:
        given = measure_evidence(
            encoder, None, photos, Settings(), made=made, seed=0, on_picture=lambda *_: None
        )
        return len(np.unique(given.owners))

    wanted = 5  # one of the six is only shown beside others
    assert copies({}) == 2 * wanted
    assert copies({(photos / name).resolve(): [PHOTOS / name] for name in names}) == 3 * wanted
