"""Folders of diffusers pipelines: found, or downloaded without code, and checked before loading."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from indexer.errors import InvalidModel, NotFoundError
from indexer.model.hub import HUB_PREFIX, HubReference, hub_errors, parse_hub_reference

INDEX: Final = "model_index.json"
PICKLES: Final = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
"""Suffixes of files that are refused because loading a pickle can run code."""
_CODE: Final = ".py"
_FETCHED: Final = ("*.json", "*.model", "*.safetensors", "*.txt")  # of each component's folder
_LEFT_OUT: Final = ("*.*.safetensors", "*.fp16*.json")  # the same weights at another precision
_NAME: Final = re.compile(r"\w+", re.ASCII)
_LIBRARIES: Final = frozenset({"diffusers", "transformers"})
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class PipelineFolder:
    """A folder with `model_index.json` that holds neither code nor pickles."""

    reference: str  # what leads here again, from any working directory
    path: Path
    class_name: str  # of diffusers


def resolve_pipeline(reference: str) -> PipelineFolder:
    """Find the folder that a reference stands for, downloading it if it names the hub.

    Of a hub repository only JSON, vocabularies and safetensors of the pipeline's components are
    downloaded.

    Parameters
    ----------
    reference : str
        A directory, or `hf-hub:owner/name[@revision]`.

    Raises
    ------
    NotFoundError
        No such directory, hub repository or revision.
    InvalidModel
        The reference is malformed, or what it names is no pipeline, or holds code or pickles.
    UnavailableError
        The hub cannot be reached and its cache does not hold the pipeline.
    """
    if reference.startswith(HUB_PREFIX):
        return _checked(reference, _fetch(parse_hub_reference(reference)))
    path = Path(reference).expanduser().absolute()
    if not path.exists():
        raise NotFoundError(
            f"The pipeline {path} does not exist. Name a folder that diffusers saved, "
            f"{HUB_PREFIX}owner/name for a pipeline on the hub, or `tiny`."
        )
    if not path.is_dir():
        raise InvalidModel(
            f"{path} is a file. Name the folder of a pipeline; convert a checkpoint in one file "
            "once: `StableDiffusionPipeline.from_single_file(FILE).save_pretrained(FOLDER)`."
        )
    try:
        return _checked(str(path), path)
    except OSError as error:
        raise InvalidModel(f"The pipeline {path} cannot be read: {error}.") from error


def _checked(reference: str, path: Path) -> PipelineFolder:
    index = _read_index(reference, path)
    class_name = index.get("_class_name")
    if not isinstance(class_name, str):
        raise InvalidModel(
            f"{INDEX} of {reference} names no pipeline class of diffusers: pipelines with code "
            "of their own are not loaded."
        )
    components = _components(reference, index)
    _refuse_code(reference, path, components)
    return PipelineFolder(reference, path, class_name)


def _read_index(reference: str, path: Path) -> dict[str, Any]:
    file = path / INDEX
    if not file.is_file():
        raise _no_pipeline(reference)
    try:
        index = json.loads(file.read_bytes())
    except ValueError as error:
        raise InvalidModel(f"{INDEX} of {reference} is not valid JSON: {error}.") from error
    if not isinstance(index, dict):
        raise _no_pipeline(reference)
    return index


def _components(reference: str, index: dict[str, Any]) -> list[str]:
    """Return the names of the components that have a folder.

    Raises
    ------
    InvalidModel
        A component's class is of another library than those that diffusers loads.
    """
    from importlib.util import find_spec

    names = []
    for name, stated in index.items():
        if not isinstance(stated, list) or name.startswith("_") or stated == [None, None]:
            continue
        library = stated[0] if stated else None
        if not isinstance(library, str) or not _NAME.fullmatch(library + name):
            raise InvalidModel(f"{INDEX} of {reference} has an invalid component {name!r}.")
        if library not in _LIBRARIES and find_spec(f"diffusers.pipelines.{library}") is None:
            raise InvalidModel(
                f"The component {name!r} of {reference} is a class of {library!r}. Only classes "
                "of diffusers and transformers are loaded."
            )
        names.append(name)
    return names


def _refuse_code(reference: str, path: Path, components: list[str]) -> None:
    """Refuse a folder with code or pickles, whether or not they would be loaded."""
    files = [file.relative_to(path) for file in _files(path, components)]
    code = [file for file in files if file.suffix.lower() == _CODE]
    if code:
        raise InvalidModel(
            f"{reference} holds code ({_named(code)}), which is never run. Use a pipeline made of "
            "diffusers' own classes, or delete the files."
        )
    pickles = [file for file in files if file.suffix.lower() in PICKLES]
    if pickles:
        raise InvalidModel(
            f"{reference} holds pickles ({_named(pickles)}): loading one can run code. If it "
            "holds the same weights in safetensors, delete the pickles; otherwise convert it once, "
            "if you trust it: `DiffusionPipeline.from_pretrained(FOLDER).save_pretrained(NEW)`."
        )
    for file in files:
        if file.name.endswith("config.json") and b'"auto_map"' in (path / file).read_bytes():
            raise InvalidModel(
                f"{file} of {reference} names code of its own (auto_map), which is never run. Use "
                "a pipeline made of diffusers' own classes."
            )


def _files(path: Path, components: list[str]) -> Iterator[Path]:
    """Yield all files, those of components' folders that are links included."""
    folders = [path, *(path / name for name in components if (path / name).is_symlink())]
    for folder in folders:
        yield from sorted(file for file in folder.rglob("*") if file.is_file())


def _named(files: list[Path]) -> str:
    more = len(files) - _MOST_NAMED
    shown = ", ".join(map(str, files[:_MOST_NAMED]))
    return f"{shown} and {more} more" if more > 0 else shown


def _fetch(reference: HubReference) -> Path:
    """Download a pipeline's components, or find them in the hub's cache; return their folder."""
    import huggingface_hub

    with hub_errors(reference, _no_pipeline(reference.text)):
        index = Path(
            huggingface_hub.hf_hub_download(
                reference.repository, INDEX, revision=reference.revision
            )
        )
        components = _components(reference.text, _read_index(reference.text, index.parent))
        folder = huggingface_hub.snapshot_download(
            reference.repository,
            revision=index.parent.name,  # the commit, even if the branch has moved on
            allow_patterns=[INDEX, *(f"{name}/{kind}" for name in components for kind in _FETCHED)],
            ignore_patterns=list(_LEFT_OUT),
        )
    return Path(folder)


def _no_pipeline(reference: str) -> InvalidModel:
    return InvalidModel(
        f"{reference} is no diffusers pipeline: it has no {INDEX}. Name the folder that "
        "`save_pretrained` of a pipeline wrote."
    )
