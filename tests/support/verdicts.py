"""Made-up verdicts: what counts of them does not depend on real pictures."""

from indexer.types import SearchCompleteness, Tier, Verdict


def verdict(*hits: int) -> Verdict:
    """Make a verdict that these entries of block banks stand behind."""
    return Verdict(
        query="upload.jpg",
        tier=Tier.EXACT if hits else Tier.NONE,
        banks=("unsafe",) if hits else (),
        hits=hits,
        matches=(),
        probabilities={},
        model="ab" * 32,
        sha256="cd" * 32,
        pdq="ef" * 32,
        pdq_quality=100,
        watermark=1,
        completeness=SearchCompleteness(),
    )
