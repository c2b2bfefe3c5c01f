"""Model references, resolved to folders on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from indexer.errors import InvalidModel, NotFoundError
from indexer.model.hub import HUB_PREFIX, HubReference, hub_errors, parse_hub_reference
from indexer.settings import SHIPPED_MODEL

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
DESCRIPTOR: Final = "descriptor.json"
DESCRIPTOR_WEIGHTS: Final = "descriptor.safetensors"
SEMANTIC: Final = "semantic.json"
SEMANTIC_WEIGHTS: Final = "semantic.safetensors"
CLASSIFIER: Final = "classifier.json"
CLASSIFIER_WEIGHTS: Final = "classifier.safetensors"
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
    if reference.startswith(HUB_PREFIX):
        return _checked(ModelFolder(reference, _fetch(parse_hub_reference(reference))))
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
            f"{CONFIG} and {WEIGHTS}, {HUB_PREFIX}owner/name for a model on the hub, or "
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


def _fetch(reference: HubReference) -> Path:
    """Download the two files of a hub model, or find them in the hub's cache; return their folder.

    Both come from one commit, even if the branch moves between the two downloads: the cache names
    a folder by its commit.
    """
    no_config = _no_config(reference.text)
    no_weights = _no_safetensors(reference.text, "Its repository has other files only.")
    config = _download(reference, reference.revision, CONFIG, no_config)
    return _download(reference, config.parent.name, WEIGHTS, no_weights).parent


def _download(
    reference: HubReference, revision: str | None, file: str, missing: InvalidModel
) -> Path:
    """Fetch one file through the hub's cache; `missing` is raised where the repository lacks it."""
    import huggingface_hub

    with hub_errors(reference, missing, wanted=f"{CONFIG} {WEIGHTS}"):
        return Path(huggingface_hub.hf_hub_download(reference.repository, file, revision=revision))


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
