"""Banks, their entries, and what is counted of entries."""
