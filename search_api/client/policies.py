"""Client methods for policies."""

from collections.abc import Iterator

from indexer.types import Policy
from search_api.client.transport import Transport


class PolicyCalls:
    """The part of the client that is about policies; `Lookalike` has the rest."""

    _transport: Transport

    def policies(self, *, limit: int = 100) -> Iterator[Policy]:
        """Yield the versions of the policy, newest first; at most the first is in force."""
        return self._transport.pages("/v1/policies", Policy, limit=limit)

    def policy(self, version: int) -> Policy:
        """Return one version of the policy, as a verdict cites it."""
        return self._transport.ask("GET", f"/v1/policies/{version}", Policy)
