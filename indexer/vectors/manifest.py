"""Snapshot manifest: what a snapshot folder holds, with checksums."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from indexer.errors import SnapshotMismatch
from indexer.vectors.base import SegmentRecord

FORMAT_VERSION = 3
MANIFEST = "manifest.json"
VECTORS_SUFFIX = "vectors.npy"
"""Of files of float32 vectors, after the segment's id."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a snapshot and the view that loads it must agree on."""

    view: str
    log_id: str
    metric: str
    dimension: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size and checksum of a file."""

    size: int  # bytes
    sha256: str  # 64 hex digits


@dataclass(frozen=True, slots=True)
class Position:
    """How far a view has followed the log."""

    watermark: int  # number of the last change that it has applied
    mark: str  # what the log said of that change


START = Position(0, "")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a snapshot says of itself."""

    identity: Identity
    position: Position
    vectors: int  # live ones
    segments: tuple[SegmentRecord, ...]
    files: dict[str, FileRecord]

    @property
    def watermark(self) -> int:
        """The last change that the snapshot covers."""
        return self.position.watermark

    @property
    def mapped_bytes(self) -> int:
        """The size of the files that are mapped where their segment's codes are used."""
        coded = {segment.id for segment in self.segments if segment.codes}
        return sum(
            record.size
            for name, record in self.files.items()
            if name.endswith(VECTORS_SUFFIX) and name[len("segment-") :].split(".")[0] in coded
        )

    def to_json(self) -> str:
        """Write the manifest with a checksum over itself."""
        body = {"format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps({**body, "checksum": _checksum(body)}, indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path, expected: Identity) -> "Manifest":
        """Read a snapshot's manifest and look whether its files are there in full length.

        Raises
        ------
        SnapshotMismatch
            It is not a manifest that we wrote, it is another view's, or files are missing.
        OSError
            It could not be read.
        """
        manifest = cls.parse(folder / MANIFEST)
        for field in fields(Identity):
            said, wanted = getattr(manifest.identity, field.name), getattr(expected, field.name)
            if said != wanted:
                raise SnapshotMismatch(f"{folder} has {field.name} {said!r}, expected {wanted!r}.")
        for name, record in manifest.files.items():
            size = (folder / name).stat().st_size
            if size != record.size:
                raise SnapshotMismatch(
                    f"{folder / name} has {size} bytes, its manifest says {record.size}."
                )
        return manifest

    @classmethod
    def parse(cls, path: Path) -> "Manifest":
        """Read a manifest file by itself.

        Raises
        ------
        SnapshotMismatch
            It is not a manifest that we wrote.
        OSError
            It could not be read.
        """
        try:
            body = json.loads(path.read_bytes())
            checksum = body.pop("checksum")
            version = body.pop("format_version")
            if version != FORMAT_VERSION:
                raise SnapshotMismatch(
                    f"{path} has format {version!r}, this version of the program reads "
                    f"{FORMAT_VERSION}."
                )
            if checksum != _checksum({"format_version": version, **body}):
                raise SnapshotMismatch(f"{path} does not match its checksum.")
            return cls(
                identity=Identity(**body["identity"]),
                position=Position(**body["position"]),
                vectors=body["vectors"],
                segments=tuple(SegmentRecord(**segment) for segment in body["segments"]),
                files={name: FileRecord(**record) for name, record in body["files"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SnapshotMismatch(f"{path} is not a valid manifest: {error!r}.") from error

    def verify_files(self, folder: Path, except_for: frozenset[str] = frozenset()) -> None:
        """Compare the files with their checksums; costs reading them.

        Raises
        ------
        SnapshotMismatch
            A file's content changed after it was written.
        OSError
            A file could not be read.
        """
        for name in self.files.keys() - except_for:
            record = self.files[name]
            with (folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != record.sha256:
                raise SnapshotMismatch(
                    f"{folder / name} has SHA-256 {digest}, its manifest says {record.sha256}."
                )


def _checksum(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
