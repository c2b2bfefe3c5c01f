"""Opening SOURCE arguments in tests, and sorting what they give."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from indexer.settings import Settings
from indexer.sources import Found, SourceItem, open_sources
from indexer.types import SkippedSource

ENOUGH = 2**20  # bytes


def opened(
    *specs: str | Path, allow: str | None = None, stdin: bytes | None = None
) -> tuple[list[SourceItem], list[SkippedSource]]:
    """Return the pictures and what was skipped."""
    stream = None if stdin is None else io.BytesIO(stdin)
    found = open_sources([str(spec) for spec in specs], Settings(allowed_protocols=allow), stream)
    return sorted_out(found)


def sorted_out(found: Iterable[Found]) -> tuple[list[SourceItem], list[SkippedSource]]:
    items: list[SourceItem] = []
    skipped: list[SkippedSource] = []
    for one in found:
        if isinstance(one, SourceItem):
            items.append(one)
        else:
            skipped.append(one)
    return items, skipped


def contents(items: Iterable[SourceItem]) -> dict[str, bytes]:
    """Return the bytes of each by its URI."""
    return {item.stamp.uri: item.read(ENOUGH) for item in items}


def write_tar(path: Path | BinaryIO, files: Mapping[str, bytes], mode: str = "w") -> None:
    """Write an archive of plain files."""
    target = {"name": path} if isinstance(path, Path) else {"fileobj": path}
    with tarfile.open(mode=mode, **target) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            add(archive, name, data)


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
