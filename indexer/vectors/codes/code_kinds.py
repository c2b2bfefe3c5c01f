"""Kinds of segment codes by name: those built in, and plug-ins from entry points."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, cast

from indexer.errors import InvalidCodes, LookalikeError, SnapshotMismatch
from indexer.types import Embeddings
from indexer.vectors.codes.base import CodeKind, SegmentCodes

GROUP: Final = "lookalike.segment_codes"
FLAT: Final = "flat"
"""The name that stands for no codes: float32 vectors in memory."""

_BUILT_IN: Final[Mapping[str, tuple[str, str]]] = {
    "sq8": ("indexer.vectors.codes.sq8", "SQ8"),
    "fp16": ("indexer.vectors.codes.fp16", "FP16"),
}


def code_kind(name: str) -> CodeKind:
    """Return the kind of codes of that name.

    Raises
    ------
    InvalidCodes
        There is none, or its plug-in cannot be loaded.
    """
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name]
        return cast("CodeKind", getattr(import_module(module), attribute))
    plug_ins = _plug_ins()
    if name not in plug_ins:
        raise InvalidCodes(
            f"There are no vector codes {name!r}. Choose one of: {', '.join(code_names())}."
        )
    return _loaded(plug_ins[name])


def build_codes(name: str, vectors: Embeddings) -> SegmentCodes:
    """Encode the vectors of one segment, (n, d) float32.

    Raises
    ------
    InvalidCodes
        There are no such codes, or their plug-in failed.
    """
    try:
        return code_kind(name).build(vectors)
    except (LookalikeError, OSError):
        raise
    except Exception as error:
        raise InvalidCodes(
            f"The vector codes {name!r} could not encode {len(vectors)} vectors: {error!r}. Report "
            f"it to their author, or choose one of: {', '.join(code_names())}."
        ) from error


def read_codes(name: str, path: Path) -> SegmentCodes:
    """Read codes from a file of a snapshot.

    Raises
    ------
    InvalidCodes
        There are no such codes.
    SnapshotMismatch
        The file does not hold them.
    OSError
        It could not be read.
    """
    try:
        return code_kind(name).read(path)
    except (LookalikeError, OSError):
        raise
    except Exception as error:
        raise SnapshotMismatch(f"{path} does not hold vector codes {name!r}: {error!r}.") from error


def code_names() -> list[str]:
    """List the names that may be chosen, plug-ins last."""
    return [FLAT, *_BUILT_IN, *sorted(_plug_ins().keys() - _BUILT_IN.keys() - {FLAT})]


def _plug_ins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _loaded(entry: EntryPoint) -> CodeKind:
    package = entry.dist.name if entry.dist else "an unknown package"
    try:
        kind = entry.load()
    except Exception as error:
        raise InvalidCodes(
            f"The vector codes {entry.name!r} ({entry.value}, of {package}) cannot be loaded: "
            f"{error!r}. Install what they need, or choose one of: {', '.join(code_names())}."
        ) from error
    lacking = [part for part in ("build", "read") if not callable(getattr(kind, part, None))]
    if lacking:
        raise InvalidCodes(
            f"The vector codes {entry.name!r} ({entry.value}, of {package}) lack "
            f"{' and '.join(lacking)}. docs/scaling.md describes what a plug-in must have."
        )
    return cast("CodeKind", kind)
