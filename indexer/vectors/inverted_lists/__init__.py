"""Inverted lists: a search compares only the vectors whose centroids are near the query."""
