"""Looking after an index: is it sound, how is it, and what to do when it is not."""
