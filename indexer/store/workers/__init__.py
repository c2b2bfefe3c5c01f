"""Ingest jobs, their parts, and the leases of workers."""
