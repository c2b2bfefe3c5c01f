"""Lookalike over HTTP: everything here translates between requests and `indexer`."""
