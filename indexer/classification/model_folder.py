"""Model folder of a trained classifier, written whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from indexer.classification.model_card_file import MODEL_CARD
from indexer.errors import InputError, UnreadableSource
from indexer.model import ModelFolder

_NEVER: Final = {MODEL_CARD, "classifier.json", "classifier.safetensors"}
_RENAMED: Final = {"README.md": "BASE_README.md"}
_PICKLES: Final = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}  # of hub models; nothing reads them


def check_new(out: Path) -> None:
    """Refuse a folder that exists already, before any work is done for it.

    Raises
    ------
    InputError
        It exists, or cannot be made there.
    """
    if out.exists():
        raise InputError(f"{out} exists already. Name a folder that does not.")
    if not out.absolute().parent.is_dir():
        raise UnreadableSource(f"There is no folder {out.absolute().parent}. Create it first.")


@contextmanager
def new_folder(base: ModelFolder, out: Path, *, without: frozenset[str]) -> Iterator[ModelFolder]:
    """Give a copy of a model's folder to write to; at the end it is put where it is wanted.

    Parameters
    ----------
    base : ModelFolder
    out : Path
    without : frozenset of str
        Files that are not copied, besides an earlier classifier and its card.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    unfinished = out.absolute().with_name(f".{out.name}-{uuid4().hex[:8]}")
    try:
        unfinished.mkdir()
        for path in base.path.iterdir():
            if path.is_file() and path.name not in without | _NEVER and _is_safe(path):
                shutil.copyfile(path, unfinished / _RENAMED.get(path.name, path.name))
        yield ModelFolder(str(out.absolute()), unfinished)
        unfinished.rename(out)
    except OSError as error:
        raise UnreadableSource(f"{out} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_safe(path: Path) -> bool:
    return path.suffix not in _PICKLES
