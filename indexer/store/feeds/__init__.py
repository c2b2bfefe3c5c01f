"""The change log as the views read it."""
