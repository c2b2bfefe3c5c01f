"""Query by image: nearest-neighbour candidates, re-ranked by geometry, judged by thresholds."""

from indexer.matching.classifier import Classifier, open_classifier
from indexer.matching.matcher import Matcher, open_matcher
from indexer.matching.query import ComparedMatches, Query
from indexer.matching.search_options import SearchOptions
from indexer.matching.similar_images import similar_images

__all__ = [
    "Classifier",
    "ComparedMatches",
    "Matcher",
    "Query",
    "SearchOptions",
    "open_classifier",
    "open_matcher",
    "similar_images",
]
