"""Background jobs of a server process."""
