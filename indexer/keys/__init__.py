"""Keys of the server: made, shown once, checked, revoked."""

from indexer.keys.making import create_key, revoke_key
from indexer.keys.ring import KeyRing
from indexer.keys.sessions import Sessions, SignedIn

__all__ = ["KeyRing", "Sessions", "SignedIn", "create_key", "revoke_key"]
