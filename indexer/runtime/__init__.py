"""The process itself: its actor, cores, stage times, logs, terminal and files."""
