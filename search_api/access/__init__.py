"""Who may do what: every request passes here before it reaches a route."""

from search_api.access.building import Access, describe, make_access
from search_api.access.middleware import AccessControl

__all__ = ["Access", "AccessControl", "describe", "make_access"]
