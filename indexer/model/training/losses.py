"""Losses of a descriptor: contrastive, with spread of the embeddings.

Both terms are those of Pizzi et al., A Self-Supervised Descriptor for Image Copy Detection (2022).
"""

from typing import Final

import torch

_MASKED: Final = -1e4  # exp of it is 0 at any temperature
_LEAST_DISTANCE: Final = 1e-6


def contrastive(
    embeddings: torch.Tensor, pictures: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return InfoNCE: each copy of a picture against all views of other pictures.

    Parameters
    ----------
    embeddings : Tensor of shape (n, d), unit rows
    pictures : Tensor of shape (n,), int64
        Which picture a row shows; each has two views or more.
    temperature : float
        What similarities are divided by; small looks at the nearest strangers only.
    """
    similarities = embeddings @ embeddings.T / temperature
    copies = pictures[:, None] == pictures[None, :]
    strangers = torch.logsumexp(similarities.masked_fill(copies, _MASKED), dim=1, keepdim=True)
    losses: torch.Tensor = torch.logaddexp(similarities, strangers) - similarities
    itself = torch.eye(len(pictures), dtype=torch.bool)
    return losses[copies & ~itself].mean()


def crowding(embeddings: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    """Return the KoLeo entropy term: minus the mean log distance to the nearest other picture.

    It spreads the embeddings over the sphere, so that one threshold fits everywhere.
    """
    similarities = embeddings.detach() @ embeddings.detach().T
    copies = pictures[:, None] == pictures[None, :]
    nearest = similarities.masked_fill(copies, -2.0).argmax(dim=1)
    distances = (embeddings - embeddings[nearest]).norm(dim=1)
    return -torch.log(distances + _LEAST_DISTANCE).mean()
