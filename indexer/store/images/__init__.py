"""Images, and all that is kept of each."""
