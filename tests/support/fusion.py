"""A made-up fusion: straight lines, so that tests can add up by heart."""

from dataclasses import replace

from indexer.types import Curve, Fusion, SpaceTraits

SIMPLE = Fusion(
    version="simple",
    prior=0.0,
    embedding=Curve((-1.0, 1.0), (-100.0, 100.0)),  # a nat for each hundredth of the cosine
    pdq=Curve((0.0, 100.0), (50.0, 0.0)),  # half a nat for each bit below 100
    details=Curve((0.0, 50.0), (0.0, 50.0)),  # a nat for each
    bias=0.0,
    near_duplicate=95.0,
    lookalike=90.0,
)
MIXED = replace(SIMPLE, version="mixed", embedding_alone=3.0, pdq_alone=2.0)
"""The same, of edits that may leave one signal alone."""
TRAITS = SpaceTraits(SIMPLE)
