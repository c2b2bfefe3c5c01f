"""API keys: created, checked, cached, revoked."""

from indexer.keys.key_admin import create_key, revoke_key
from indexer.keys.key_cache import KeyCache
from indexer.keys.sessions import Sessions, SignedIn

__all__ = ["KeyCache", "Sessions", "SignedIn", "create_key", "revoke_key"]
