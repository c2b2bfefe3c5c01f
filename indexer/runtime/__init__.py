"""The process: actor, cores, timing, logging, terminal, private files."""
