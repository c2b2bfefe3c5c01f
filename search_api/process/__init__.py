"""Server processes: entry point, supervisor, workers and their HTTP connections."""
