"""Upkeep of an index: status, checks, repair, removal."""
