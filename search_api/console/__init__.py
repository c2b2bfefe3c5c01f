"""Analysts' console: pages, templates and static files."""
