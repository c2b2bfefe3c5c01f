"""HTTP API of Lookalike, translating between requests and `indexer`."""
