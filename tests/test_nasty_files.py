"""Nasty files cost little and say little; benchmarks/nasty_files.py has all, and a server."""

from pathlib import Path

import pytest

from support.bad_corpus import judge
from support.commands import Index
from support.forked import measure, start
from support.models import make_tiny
from support.nasty import NASTY

QUICK = (
    "jpeg-400_scans_of_4_mp.jpg",
    "jpeg-frames.jpg",
    "jpeg-image_resources.jpg",
    "jpeg-tables.jpg",
    "jpeg-tall.jpg",
    "png-976_by_65535.png",
    "png-hexadecimal.png",
    "png-xmp.png",
    "gif-disposal_3.gif",
    "bmp-one_row.bmp",
    "bmp-small_runs.bmp",
    "webp-xmp.webp",
    "avif-boxes.avif",
    "tiff-4000_tags.tiff",
    "tiff-shared_jpeg.tiff",
)
BROKEN_EXIF = tuple(name for name in NASTY if "exif" in name)


@pytest.mark.parametrize("name", QUICK)
def test_a_nasty_file_is_dealt_with_in_three_seconds_and_a_gigabyte(name: str) -> None:
    measured = measure(judge, NASTY[name]())

    assert measured.seconds < 3
    assert measured.peak < 10**9


def test_a_run_over_broken_metadata_writes_one_line_a_picture_at_most(tmp_path: Path) -> None:
    folder, index = tmp_path / "files", Index(tmp_path / "home")
    folder.mkdir()
    for name in BROKEN_EXIF:
        (folder / name).write_bytes(NASTY[name]())
    start(index, "init", "--model", make_tiny(tmp_path / "model")).finish()

    adding = start(index, "index", "add", folder)

    adding.finish()
    assert len(adding.stderr.splitlines()) <= len(BROKEN_EXIF)
    assert "Warning" not in adding.stderr
