"""Bank hardening: made-up variants of entries, stored as further parts of the same entries."""
