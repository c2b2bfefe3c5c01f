"""Clusters of stored images: families, near-duplicate groups, and what becomes of them."""
