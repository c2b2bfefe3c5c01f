"""Cache of models exported for ONNX Runtime, so that each is exported once."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

import structlog

from indexer.errors import ExportNotWritten, InvalidModel
from indexer.model.card import ModelCard, SemanticCard
from indexer.model.parity import Parity
from indexer.model.references import ModelFolder
from indexer.runtime.private_files import make_private_file, make_private_folder, private

RECIPE: Final = 2
"""How a graph is made from a model; counted up when that changes, so that none is kept."""
GRAPH: Final = "model.onnx"
MANIFEST: Final = "manifest.json"
_UNFINISHED: Final = "unfinished-"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """A model as ONNX Runtime takes it, and whether it may be used."""

    card: ModelCard
    graph: bytes  # empty when there is none
    parity: Parity | None  # None when it could not be measured
    failure: str | None  # why it must not be used; None when it may be
    weights: Path | None = None  # folder of the files that the graph takes weights from, if any


class KeptExport:
    """Where the export of one model is kept.

    The folder is named by all that an export depends on: the model's files, our recipe, ONNX
    Runtime and the kind of machine. So it is found without timm, which alone can tell a model's
    fingerprint, and whatever changes makes another folder. That an export failed is kept as well:
    trying takes long. A folder is written under another name and renamed when it is whole.
    """

    def __init__(self, cache: Path, model: ModelFolder) -> None:
        self._cache = cache
        self._model = model
        facts = [
            *(sha256_of(path) for path in model.files),
            RECIPE,
            version("onnxruntime"),
            platform.machine(),
        ]
        self._name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    @property
    def path(self) -> Path:
        """The folder; it may not exist yet."""
        return self._cache / self._name

    def read(self) -> Export | None:
        """Return what is kept; None when nothing is, or what is there is damaged."""
        try:
            body = json.loads((self.path / MANIFEST).read_bytes())
            graph = (self.path / GRAPH).read_bytes()
            if body.pop("checksum") != _checksum(body, graph):
                raise ValueError("the checksum differs")  # noqa: TRY301 -- one of many ways to be damaged
            return Export(
                card=card_of(body["card"], self._model.reference),
                graph=graph,
                parity=Parity(**body["parity"]) if body["parity"] else None,
                failure=body["failure"],
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning(
                "exported model damaged, exporting again",
                folder=str(self.path),
                reason=str(error),
            )
            return None

    def write(self, export: Export) -> None:
        """Keep an export in place of what is there; call it in `turn` only.

        Raises
        ------
        ExportNotWritten
            The disk is full, or the folder cannot be written.
        """
        parity = asdict(export.parity) if export.parity else None
        body = {"card": asdict(export.card), "parity": parity, "failure": export.failure}
        body = json.loads(json.dumps(body))  # as it will be read: the checksum is over that
        manifest = {**body, "checksum": _checksum(body, export.graph)}
        unfinished = self._cache / f"{_UNFINISHED}{self._name}-{uuid4().hex}"
        try:
            make_private_folder(unfinished)
            _write(unfinished / GRAPH, export.graph)
            _write(unfinished / MANIFEST, json.dumps(manifest, indent=1).encode())
            if self.path.exists():
                self.path.rename(self._cache / f"{_UNFINISHED}{self._name}-{uuid4().hex}")
            unfinished.rename(self.path)
        except OSError as error:
            raise self._not_written(error) from error
        finally:
            self._discard_unfinished()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for other processes that export this model; the lock ends with its process.

        Raises
        ------
        ExportNotWritten
            The folder cannot be written.
        """
        try:
            make_private_folder(self._cache)
            make_private_file(path := self._cache / f"{self._name}.lock")
            lock = path.open("w")
        except OSError as error:
            raise self._not_written(error) from error
        with lock:
            _acquire(lock)
            yield

    def _discard_unfinished(self) -> None:
        """Remove what this write, or one that was killed, left behind: it is our turn."""
        for path in self._cache.glob(f"{_UNFINISHED}{self._name}-*"):
            shutil.rmtree(path, ignore_errors=True)

    def _not_written(self, error: OSError) -> ExportNotWritten:
        return ExportNotWritten(
            f"The exported model could not be kept in {self._cache}: {error}. Free space or "
            "correct the permissions of the folder, name another one with LOOKALIKE_MODEL_CACHE, "
            "or set LOOKALIKE_RUNTIME=torch, which needs no export."
        )


def _acquire(lock: IO[str]) -> None:
    """Lock a file; say so if another process has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.info("waiting for model export by another process")
        fcntl.flock(lock, fcntl.LOCK_EX)


def card_of(stored: dict[str, Any], reference: str) -> ModelCard:
    """Make the card again; the model may have been loaded from elsewhere when it was written."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    semantic = values.get("semantic")
    values["semantic"] = SemanticCard(**semantic) if semantic else None
    return ModelCard(**(values | {"reference": reference}))


def _checksum(body: dict[str, Any], graph: bytes) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(
        hashlib.sha256(canonical).digest() + hashlib.sha256(graph).digest()
    ).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file of a model, 64 hex digits.

    Raises
    ------
    InvalidModel
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidModel(f"{path} cannot be read: {error}.") from error


def _write(path: Path, data: bytes) -> None:
    with open(path, "xb", opener=private) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
