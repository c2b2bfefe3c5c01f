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
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    workers: int = Field(
        default=1, gt=0, description="Processes that answer; they share nothing but the database."
    )
    threads: int | None = Field(
        default=None,
        gt=0,
        description="Threads of a worker that decode, hash and search; when unset, the cores are shared out among the workers.",
    )
    max_waiting: int = Field(
        default=64,
        ge=0,
        description="Requests with a picture that may be present in a worker besides those that run; more are answered 503.",
    )
    max_waiting_bytes: int = Field(
        default=256 * 2**20,
        gt=0,
        description="Bytes that the bodies of all requests in a worker may have together.",
    )
    queue_timeout: float = Field(
        default=5.0,
        gt=0,
        description="Seconds that a request waits for a thread before it is answered 503.",
    )
    body_timeout: float = Field(
        default=30.0, gt=0, description="Seconds within which the body of a request must arrive."
    )
    max_connections: int = Field(
        default=4096,
        gt=0,
        description="Connections of a worker; fewer where it may open few files. For another one, one that waits for its client is ended.",
    )
    grace: int = Field(
        default=30,
        gt=0,
        description="Seconds that a stop waits for the requests under way before it breaks them off.",
    )
    decode_pixels: int = Field(
        default=64_000_000,
        gt=0,
        description="Pixels of large pictures that a worker decodes at the same time.",
    )
    poll_interval: float = Field(
        default=0.2, gt=0, description="Seconds between two looks at the log."
    )
    stale_after: float = Field(
        default=10.0,
        gt=0,
        description="Seconds without a successful look at the log before the server is not ready.",
    )
    hits_interval: float = Field(
        default=5.0,
        gt=0,
        description="Seconds between two writings of which entries were hit, for the flood watch.",
    )
    audit_interval: float = Field(
        default=1.0,
        gt=0,
        description="Seconds between two writings of lookups to the audit log; a killed server loses as much.",
    )
    audit_queue: int = Field(
        default=10_000,
        gt=0,
        description="Lookups kept in memory while the audit log cannot be written; then answers are refused.",
    )
    count_interval: float = Field(
        default=60.0,
        gt=0,
        description="Seconds between two counts of images, entries and quarantine for the metrics.",
    )
    metrics_open: bool = Field(
        default=False, description="Whether /metrics answers without an API key."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="Base URL of an OpenTelemetry collector that traces are sent to, by OTLP over HTTP.",
    )
    max_request_bytes: int = Field(
        default=48 * 2**20,
        gt=0,
        description="Largest request body accepted, in bytes; one that is no form with files may have 4 MiB at most.",
    )
    fetch_hosts: str | None = Field(
        default=None,
        description="Hosts that pictures may be fetched from by URL, with commas, such as images.example.org,*.example.org; none when unset.",
    )
    fetch_private_hosts: str | None = Field(
        default=None,
        description="Hosts among them that may have private addresses, with commas; none when unset.",
    )
    fetch_timeout: float = Field(
        default=10.0, gt=0, description="Seconds until a fetch that is not done is given up."
    )
    access: Literal["auto", "keys", "open"] = Field(
        default="auto",
        description="Who needs a key: keys: everybody; auto: everybody but this machine itself, if the server listens on loopback; open: nobody.",
    )
    requests_per_second: float = Field(
        default=200.0,
        ge=0,
        description="Requests a second of a key that has no rate of its own, for each worker; 0 for any number.",
    )
    session_seconds: float = Field(
        default=43_200.0, gt=0, description="Seconds until who signed in must sign in again."
    )
    session_idle_seconds: float = Field(
        default=1_800.0, gt=0, description="The same, without any request meanwhile."
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses or networks, with commas, whose X-Forwarded-For and X-Forwarded-Proto are believed; none when unset.",
    )
    webhook_private_hosts: str | None = Field(
        default=None,
        description="Hosts of webhooks that may have private addresses and do without TLS, with commas; none when unset.",
    )
    webhook_timeout: float = Field(
        default=10.0, gt=0, description="Seconds that a webhook's receiver has to answer."
    )
    webhook_retry: float = Field(
        default=5.0,
        gt=0,
        description="Seconds until a delivery that failed is tried again; each further wait is four times as long, up to 12 hours.",
    )
    webhook_interval: float = Field(
        default=1.0, gt=0, description="Seconds between two looks for what is to be delivered."
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
