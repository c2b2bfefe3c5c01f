"""Webhooks: registration, signatures and delivery."""
