"""The analysts' console: pages, templates and static files."""
