"""Who may do what: every request passes here before it reaches a route."""

from search_api.access.building import Access, describe, make_access
from search_api.access.middleware import AccessControl
from search_api.access.schemes import GuardedApp

__all__ = ["Access", "AccessControl", "GuardedApp", "describe", "make_access"]
