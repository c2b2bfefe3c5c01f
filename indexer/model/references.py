"""Model references, resolved to folders on disk."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from indexer.errors import InvalidModel, NotFoundError, UnavailableError
from indexer.settings import SHIPPED_MODEL

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
DESCRIPTOR: Final = "descriptor.json"
DESCRIPTOR_WEIGHTS: Final = "descriptor.safetensors"
SEMANTIC: Final = "semantic.json"
SEMANTIC_WEIGHTS: Final = "semantic.safetensors"
CLASSIFIER: Final = "classifier.json"
CLASSIFIER_WEIGHTS: Final = "classifier.safetensors"
_HUB_PREFIX: Final = "hf-hub:"
_HUB_ID: Final = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_SHIPPED: Final = Path(__file__).with_name("weights") / "nsfw-mobilenetv2-140-224"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder in timm's format; both of its files exist, and both of each head or neither."""

    reference: str  # what leads here again, from any working directory
    path: Path

    @property
    def config(self) -> Path:
        """The architecture, labels and preprocessing."""
        return self.path / CONFIG

    @property
    def weights(self) -> Path:
        """The tensors."""
        return self.path / WEIGHTS

    @property
    def descriptor(self) -> Path | None:
        """What the head for embeddings is; None where timm's pooling makes them."""
        path = self.path / DESCRIPTOR
        return path if path.is_file() else None

    @property
    def descriptor_weights(self) -> Path:
        """The head's tensors, where there is one."""
        return self.path / DESCRIPTOR_WEIGHTS

    @property
    def semantic(self) -> Path | None:
        """What the head for semantic embeddings is; None where the folder has none."""
        path = self.path / SEMANTIC
        return path if path.is_file() else None

    @property
    def semantic_weights(self) -> Path:
        """That head's tensors, where there is one."""
        return self.path / SEMANTIC_WEIGHTS

    @property
    def classifier(self) -> Path | None:
        """The classifier in place of the network's last layer; None where that one is used."""
        path = self.path / CLASSIFIER
        return path if path.is_file() else None

    @property
    def classifier_weights(self) -> Path:
        """That classifier's tensors, where there is one."""
        return self.path / CLASSIFIER_WEIGHTS

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that an export depends on: those of the network and its heads."""
        heads = (
            (self.descriptor, self.descriptor_weights),
            (self.semantic, self.semantic_weights),
        )
        of_heads = (path for stated, weights in heads if stated for path in (stated, weights))
        return (self.config, self.weights, *of_heads)


def resolve(reference: str) -> ModelFolder:
    """Find the folder that a reference stands for, downloading it if it names the hub.

    Parameters
    ----------
    reference : str
        `shipped`; a directory; or `hf-hub:owner/name[@revision]`, where the revision is a branch,
        tag or commit.

    Raises
    ------
    NotFoundError
        No such directory, hub repository or revision.
    InvalidModel
        The reference is malformed, or what it names lacks config.json or model.safetensors.
    UnavailableError
        The hub cannot be reached and its cache does not hold the model.
    """
    if reference == SHIPPED_MODEL:
        return _checked(ModelFolder(reference, _SHIPPED))
    if reference.startswith(_HUB_PREFIX):
        return _checked(ModelFolder(reference, _fetch(reference)))
    path = Path(reference).expanduser().absolute()
    try:
        return _checked(ModelFolder(str(path), path))
    except OSError as error:
        raise InvalidModel(f"The model directory {path} cannot be read: {error}.") from error


def _checked(folder: ModelFolder) -> ModelFolder:
    """Refuse a folder without the two files, before timm looks for others."""
    if not folder.path.exists():
        raise NotFoundError(
            f"The model directory {folder.path} does not exist. Name a directory with "
            f"{CONFIG} and {WEIGHTS}, {_HUB_PREFIX}owner/name for a model on the hub, or "
            f"`{SHIPPED_MODEL}`."
        )
    if not folder.path.is_dir():
        raise InvalidModel(
            f"{folder.path} is a file. Name the directory that holds {CONFIG} and {WEIGHTS}."
        )
    if not folder.weights.is_file():
        found = sorted(path.name for path in folder.path.iterdir() if path.suffix != ".json")
        raise _no_safetensors(
            str(folder.path), f"It holds {', '.join(found)}." if found else "It holds no weights."
        )
    if not folder.config.is_file():
        raise _no_config(str(folder.path))
    _check_pair(
        folder, DESCRIPTOR, DESCRIPTOR_WEIGHTS, "to embed with the features that timm pools"
    )
    _check_pair(folder, SEMANTIC, SEMANTIC_WEIGHTS, "to do without semantic embeddings")
    _check_pair(folder, CLASSIFIER, CLASSIFIER_WEIGHTS, "to use the network's own last layer")
    return folder


def _check_pair(folder: ModelFolder, stated: str, weights: str, otherwise: str) -> None:
    """Refuse one file of a head without the other."""
    there = [name for name in (stated, weights) if (folder.path / name).is_file()]
    if len(there) == 1:
        [missing] = {stated, weights}.difference(there)
        raise InvalidModel(
            f"{folder.path} has {there[0]} without {missing}. Fetch the model again, or delete the "
            f"one {otherwise}."
        )


def _fetch(reference: str) -> Path:
    """Download the two files of a hub model, or find them in the hub's cache; return their folder.

    HF_HUB_OFFLINE, HF_HOME, HF_ENDPOINT and HF_TOKEN mean what they mean to huggingface_hub.
    """
    matched = _HUB_ID.fullmatch(reference.removeprefix(_HUB_PREFIX))
    if matched is None:
        raise InvalidModel(
            f"{reference!r} is not a model on the hub: write {_HUB_PREFIX}owner/name or "
            f"{_HUB_PREFIX}owner/name@revision."
        )
    config = _download(reference, matched["id"], matched["revision"], CONFIG)
    # The cache names a folder by its commit: with it both files come from one revision, even if
    # the branch moves between the two downloads.
    commit = config.parent.name
    return _download(reference, matched["id"], commit, WEIGHTS).parent


def _download(reference: str, repository: str, revision: str | None, file: str) -> Path:
    """Fetch one file through the hub's cache; every way to fail becomes one of our errors."""
    import huggingface_hub
    from huggingface_hub import errors

    try:
        return Path(huggingface_hub.hf_hub_download(repository, file, revision=revision))
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(reference, error) from error
    except errors.EntryNotFoundError as error:
        if file == CONFIG:
            raise _no_config(reference) from error
        raise _no_safetensors(reference, "Its repository has other files only.") from error
    except errors.GatedRepoError as error:
        raise InvalidModel(
            f"{reference} requires accepting its terms. Accept them on the model's page, "
            "then log in (`hf auth login`, or HF_TOKEN)."
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise NotFoundError(
            f"The hub has no {reference}, or it is private. Check the spelling of name and "
            "revision; for a private model log in (`hf auth login`, or HF_TOKEN)."
        ) from error
    except errors.HFValidationError as error:
        raise InvalidModel(f"{reference!r} is not a model on the hub: {error}") from error
    except Exception as error:
        # An interrupted transfer raises what the hub's HTTP library raises, which library that is
        # depends on the version of huggingface_hub.
        raise _unreachable(reference, error) from error


def _no_config(place: str) -> InvalidModel:
    return InvalidModel(
        f"{place} has no {CONFIG}, which names the architecture, labels and preprocessing. Take it "
        "from where the weights come from, or write it with `timm.models.save_for_hf`."
    )


def _no_safetensors(place: str, found: str) -> InvalidModel:
    return InvalidModel(
        f"{place} has no {WEIGHTS}. {found} Only safetensors are loaded, because loading a pickle "
        "(.bin, .pt, .pth, .ckpt) can run code. Convert weights that you trust, once: "
        "`safetensors.torch.save_file(torch.load('pytorch_model.bin', weights_only=True), "
        f"'{WEIGHTS}')`."
    )


def _unreachable(reference: str, error: Exception) -> UnavailableError:
    name = reference.removeprefix(_HUB_PREFIX).partition("@")[0]
    cause = error.__cause__ or error  # the hub's own message only says that something happened
    reason = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
    return UnavailableError(
        f"{reference} could not be fetched from the hub and is not complete in its local cache "
        f"({reason}). Try again with a connection and without HF_HUB_OFFLINE; or, on a machine "
        f"that reaches the hub, run `hf download {name} {CONFIG} {WEIGHTS} --local-dir FOLDER`, "
        "copy FOLDER here, and name it as the model."
    )
