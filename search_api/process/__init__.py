"""The processes that serve: run, supervisor, workers, and the HTTP connections they hold."""
