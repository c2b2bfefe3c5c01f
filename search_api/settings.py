"""Every setting of the server, read from LOOKALIKE_SERVE_* variables."""

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from indexer.settings import SERVE_PREFIX, read_settings


class ServeSettings(BaseSettings):
    """Where the server listens and how closely it follows the log."""

    model_config = SettingsConfigDict(env_prefix=SERVE_PREFIX, frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 takes a free one.")
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
        description="Base URL of an OpenTelemetry collector that traces are sent to, by OTLP over HTTP.",  # noqa: E501
    )
    max_request_bytes: int = Field(
        default=48 * 2**20, gt=0, description="Largest request body accepted, in bytes."
    )
    fetch_hosts: str | None = Field(
        default=None,
        description="Hosts that pictures may be fetched from by URL, with commas, such as images.example.org,*.example.org; none when unset.",  # noqa: E501
    )
    fetch_private_hosts: str | None = Field(
        default=None,
        description="Hosts among them that may have private addresses, with commas; none when unset.",  # noqa: E501
    )
    fetch_timeout: float = Field(
        default=10.0, gt=0, description="Seconds until a fetch that is not done is given up."
    )


def load_serve_settings(**overrides: Any) -> ServeSettings:
    """Read the settings from the environment; keyword arguments that are not None win.

    Raises
    ------
    SettingsError
        A value cannot be used, or a LOOKALIKE_SERVE_ variable is not a setting.
    """
    return read_settings(ServeSettings, **overrides)
