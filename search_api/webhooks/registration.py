"""Registration of webhooks, and their secrets, which are shown once."""

from collections.abc import Sequence

import httpx

from indexer.errors import FetchRefused
from indexer.store import Store
from indexer.types import Webhook, WebhookEvent, WebhookSecret
from search_api.outbound.hosts import HostList
from search_api.outbound.safe_http import parse_url
from search_api.settings import ServeSettings
from search_api.webhooks.signature import new_secret


class Receivers:
    """Which URLs events may be sent to."""

    def __init__(self, serve: ServeSettings) -> None:
        self._private = HostList.parse(
            "LOOKALIKE_SERVE_WEBHOOK_PRIVATE_HOSTS", serve.webhook_private_hosts
        )

    def check(self, text: str) -> httpx.URL:
        """Return a URL that may be sent to, as far as can be seen before its host is resolved.

        Raises
        ------
        FetchRefused
            It is no URL, or not https.
        """
        url = parse_url(text)
        if url.scheme != "https" and not self.is_private(url):
            raise FetchRefused(
                f"Events are sent over https alone, not to {url.scheme}://{url.host}. A host in "
                "LOOKALIKE_SERVE_WEBHOOK_PRIVATE_HOSTS may do without."
            )
        return url

    def is_private(self, url: httpx.URL) -> bool:
        """Return whether a URL's host may have private addresses."""
        return self._private.names(url.raw_host.decode("ascii"))


def create_webhook(
    store: Store,
    receivers: Receivers,
    url: str,
    events: Sequence[WebhookEvent],
    description: str | None = None,
) -> WebhookSecret:
    """Make a webhook with a secret of its own.

    Raises
    ------
    FetchRefused
        The URL is none that events may be sent to.
    InputError
        No event is named.
    """
    receivers.check(url)
    secret = new_secret()
    with store.writer() as writer:
        return WebhookSecret(writer.webhooks.create(url, events, secret, description), secret)


def edit_webhook(  # noqa: PLR0913 -- one for each column
    store: Store,
    receivers: Receivers,
    webhook_id: int,
    *,
    url: str | None = None,
    events: Sequence[WebhookEvent] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Webhook:
    """Change what is given of a webhook.

    Raises
    ------
    FetchRefused
        The URL is none that events may be sent to.
    NotFoundError
        There is no such webhook.
    InputError
        No event is left.
    """
    if url is not None:
        receivers.check(url)
    with store.writer() as writer:
        return writer.webhooks.edit(
            webhook_id, url=url, events=events, description=description, enabled=enabled
        )


def rotate_secret(store: Store, webhook_id: int) -> WebhookSecret:
    """Give a webhook another secret, which holds from its next delivery on.

    Raises
    ------
    NotFoundError
        There is no such webhook.
    """
    secret = new_secret()
    with store.writer() as writer:
        return WebhookSecret(writer.webhooks.set_secret(webhook_id, secret), secret)
