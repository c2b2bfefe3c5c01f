"""Gallery bounds: how close an image of the gallery is that one signal alone makes a lookalike."""

from indexer.thresholds.resolution import ThresholdResolver
from indexer.types import count_comparisons


def gallery_bound(thresholds: ThresholdResolver, metric: str, stored: int) -> float:
    """Return how close a gallery image is at least that one signal alone makes a lookalike.

    Parameters
    ----------
    thresholds : ThresholdResolver
    metric : str
        That of the signal's index: cosine or hamming.
    stored : int
        Vectors of the index.

    Returns
    -------
    float
        The least cosine, for a query whose bias is the usual one, above 1 where none suffices; or
        the largest PDQ distance in bits.
    """
    bounds, fusion = thresholds.for_bank(None), thresholds.fusion
    if metric == "hamming":
        return bounds.pdq.value
    comparisons = count_comparisons(stored)
    return fusion.least_similarity(bounds.lookalike.value, comparisons) + fusion.bias
