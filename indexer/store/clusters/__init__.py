"""Cluster runs, what they found, and what analysts do about it."""
