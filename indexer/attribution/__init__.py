"""Explanations of a class score and of a match, as numbers and as pictures."""

from indexer.attribution.class_map import explain_class
from indexer.attribution.explanation_png import draw_class_map, draw_match
from indexer.attribution.match_regions import explain_match

__all__ = ["draw_class_map", "draw_match", "explain_class", "explain_match"]
