"""Families: groups of images that are copies of one picture."""
