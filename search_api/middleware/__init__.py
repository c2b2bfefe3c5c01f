"""ASGI middleware, and what it checks requests with."""
