"""Access control: every request passes it before it reaches a route."""

from search_api.access.assembly import Access, describe, make_access
from search_api.access.middleware import AccessControl
from search_api.access.security_schemes import GuardedApp

__all__ = ["Access", "AccessControl", "GuardedApp", "describe", "make_access"]
