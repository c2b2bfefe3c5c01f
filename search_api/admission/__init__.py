"""Admission of work: waiting room, thread pools, bytes in memory, model batches."""
