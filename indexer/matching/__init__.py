"""Query by image: views nominate candidates, the catalog testifies, thresholds judge."""

from indexer.matching.classifier import Classifier, open_classifier
from indexer.matching.fusion import closeness
from indexer.matching.matcher import Matcher, open_matcher
from indexer.matching.options import SearchOptions
from indexer.matching.partial import match_fingerprint, match_stored, match_vector

__all__ = [
    "Classifier",
    "Matcher",
    "SearchOptions",
    "closeness",
    "match_fingerprint",
    "match_stored",
    "match_vector",
    "open_classifier",
    "open_matcher",
]
