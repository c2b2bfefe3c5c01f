"""Routes compatible with HMA (hasher-matcher-actioner).

Paths, parameters, statuses and shapes are HMA's; `docs/hma.md` says what differs and why.
"""

from search_api.routes.hma import banks, contents, exchanges, hashes, matching, signal_types, status

ROUTERS = tuple(
    module.router for module in (hashes, matching, banks, contents, signal_types, exchanges, status)
)
