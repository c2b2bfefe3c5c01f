"""Settings of the server, read from LOOKALIKE_SERVE_* variables."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from indexer.errors import SettingsError
from indexer.runtime.cpu import usable_cores
from indexer.settings import SERVE_PREFIX, read_settings


class ServeSettings(BaseSettings):
    """Where the server listens and how closely it follows the log."""

    model_config = SettingsConfigDict(env_prefix=SERVE_PREFIX, frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 for any free one.")
    workers: int = Field(
        default=1, gt=0, description="Worker processes; they share only the database."
    )
    threads: int | None = Field(
        default=None,
        gt=0,
        description="Threads of a worker that decode, hash and search; by default the cores are divided among the workers.",
    )
    max_waiting: int = Field(
        default=64,
        ge=0,
        description="Maximum waiting image requests of a worker, besides running ones; more get 503.",
    )
    max_waiting_bytes: int = Field(
        default=256 * 2**20,
        gt=0,
        description="Maximum bytes of all request bodies in a worker together.",
    )
    queue_timeout: float = Field(
        default=5.0,
        gt=0,
        description="Seconds that a request waits for a thread before it gets 503.",
    )
    body_timeout: float = Field(
        default=30.0, gt=0, description="Seconds within which the body of a request must arrive."
    )
    max_connections: int = Field(
        default=4096,
        gt=0,
        description="Maximum connections of a worker; fewer if the limit of open files is low. For a new one, an idle one is closed.",
    )
    grace: int = Field(
        default=30,
        gt=0,
        description="Seconds that a stop waits for requests under way before it aborts them.",
    )
    decode_pixels: int = Field(
        default=64_000_000,
        gt=0,
        description="Maximum pixels of large images that a worker decodes concurrently.",
    )
    poll_interval: float = Field(default=0.2, gt=0, description="Seconds between reads of the log.")
    stale_after: float = Field(
        default=10.0,
        gt=0,
        description="Seconds without a successful read of the log until the server is not ready.",
    )
    hits_interval: float = Field(
        default=5.0,
        gt=0,
        description="Seconds between writes of hit counts, for the flood watch, and of verdicts.",
    )
    audit_interval: float = Field(
        default=1.0,
        gt=0,
        description="Seconds between writes of lookups to the audit log; a killed server loses at most these.",
    )
    audit_queue: int = Field(
        default=10_000,
        gt=0,
        description="Maximum lookups in memory while the audit log cannot be written; then requests are refused.",
    )
    count_interval: float = Field(
        default=60.0,
        gt=0,
        description="Seconds between counts of images, entries and quarantined files for the metrics.",
    )
    shadow_share: float = Field(
        default=0.001,
        ge=0,
        le=1,
        description="Share of the queries of an approximately searched gallery that are asked again exactly while the server is idle, to measure recall; 0 for none.",
    )
    learn_templates: bool = Field(
        default=True, description="Whether to learn templates from images that are added."
    )
    metrics_open: bool = Field(
        default=False, description="Whether /metrics answers without an API key."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="Base URL of an OpenTelemetry collector for traces, by OTLP over HTTP.",
    )
    max_request_bytes: int = Field(
        default=48 * 2**20,
        gt=0,
        description="Maximum request body, in bytes; one that is not a form with files may have at most 4 MiB.",
    )
    fetch_hosts: str | None = Field(
        default=None,
        description="Hosts allowed for fetching images by URL, comma-separated, such as images.example.org,*.example.org; by default none.",
    )
    fetch_private_hosts: str | None = Field(
        default=None,
        description="Those of the hosts that may have private addresses, comma-separated; by default none.",
    )
    fetch_timeout: float = Field(default=10.0, gt=0, description="Timeout of a fetch, in seconds.")
    access: Literal["auto", "keys", "open"] = Field(
        default="auto",
        description="Who needs a key: keys: everyone; auto: everyone, except clients on this machine if the server listens on loopback; open: no one.",
    )
    requests_per_second: float = Field(
        default=200.0,
        ge=0,
        description="Default rate limit of a key, in requests per second and worker; 0 for none.",
    )
    session_seconds: float = Field(
        default=43_200.0, gt=0, description="Lifetime of a console session, in seconds."
    )
    session_idle_seconds: float = Field(
        default=1_800.0, gt=0, description="Lifetime of an idle console session, in seconds."
    )
    reveal_seconds: float = Field(
        default=180.0,
        gt=0,
        description="Seconds for which a person can see a picture that they revealed.",
    )
    review_lease_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Seconds for which a person has a leased review item, unless the lease is renewed.",
    )
    review_uploads: bool = Field(
        default=False,
        description="Whether uploads that the policy sends to review become review items.",
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are trusted, comma-separated; by default none.",
    )
    webhook_private_hosts: str | None = Field(
        default=None,
        description="Webhook hosts that may have private addresses and no TLS, comma-separated; by default none.",
    )
    webhook_timeout: float = Field(
        default=10.0, gt=0, description="Timeout of a webhook's receiver, in seconds."
    )
    webhook_retry: float = Field(
        default=5.0,
        gt=0,
        description="Seconds until a failed delivery is retried; each further wait is four times as long, up to 12 hours.",
    )
    webhook_interval: float = Field(
        default=1.0, gt=0, description="Seconds between checks for due deliveries."
    )

    @property
    def cores(self) -> int:
        """A worker's share of the cores."""
        return max(1, usable_cores() // self.workers)

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of the trusted proxies.

        Raises
        ------
        SettingsError
            One is no address and no network.
        """
        names = [name.strip() for name in (self.trusted_proxies or "").split(",")]
        try:
            return tuple(ip_network(name) for name in names if name)
        except ValueError as error:
            raise SettingsError(
                f"LOOKALIKE_SERVE_TRUSTED_PROXIES={self.trusted_proxies!r}: {error}. Write "
                "addresses or networks with commas, such as 10.0.0.7,192.168.0.0/16."
            ) from None


def load_serve_settings(**overrides: Any) -> ServeSettings:
    """Read the settings from the environment; keyword arguments that are not None win.

    Raises
    ------
    SettingsError
        A value cannot be used, or a LOOKALIKE_SERVE_ variable is not a setting.
    """
    return read_settings(ServeSettings, **overrides)
