"""Process runtime: actor, cores, timing, logging, terminal, private files."""
