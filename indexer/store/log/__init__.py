"""The change log, and the audit log."""
