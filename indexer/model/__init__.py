"""Models: what is known of one, and how it turns pictures into probabilities and embeddings."""

from indexer.model.card import ModelCard
from indexer.model.encoder import Encoder, Prepared

__all__ = ["Encoder", "ModelCard", "Prepared", "load_encoder"]


def load_encoder(reference: str, device: str = "auto") -> Encoder:
    """Load a model; torch and timm are imported here, not with the package.

    Parameters
    ----------
    reference : str
        `shipped`, a directory in timm's format, or `hf-hub:owner/name[@revision]`.
    device : str
        A torch device such as `cpu` or `cuda:1`; `auto` takes a GPU when there is one.

    Raises
    ------
    NotFoundError
        The directory or hub repository does not exist.
    InvalidModel
        It exists and cannot be used: no safetensors, damaged, or not a classifier we can split.
    UnavailableError
        The hub cannot be reached and the model is not in its cache.
    SettingsError
        The device does not exist here.
    """
    from indexer.model import torch_encoder  # noqa: PLC0415 -- torch takes seconds

    return torch_encoder.load_encoder(reference, device)
