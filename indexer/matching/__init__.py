"""Query by image: views nominate candidates, the catalog testifies, thresholds judge."""

from indexer.matching.classifier import Classifier, open_classifier
from indexer.matching.fusion import closeness
from indexer.matching.matcher import Matcher, open_matcher

__all__ = ["Classifier", "Matcher", "closeness", "open_classifier", "open_matcher"]
