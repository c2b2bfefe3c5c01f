"""Engine URL: parsed, checked, and shown without its credentials."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from indexer.errors import SettingsError

SETTING: Final = "LOOKALIKE_VECTORS"
_EXAMPLES: Final = "Use a URL such as qdrant://host:6333 or pgvector://user:password@host/database."


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where an engine is, and how to enter."""

    scheme: str  # in lower case; chooses the engine
    host: str  # a name, an address, or the folder of a socket; may be empty
    port: int | None
    path: str  # decoded, with its leading slash; empty if there is none
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)  # a password, or an API key
    options: dict[str, str] = field(default_factory=dict, repr=False)  # the query

    def __str__(self) -> str:
        """Return the URL without user, password and options: for people, logs and the database."""
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}{self.path}"

    def require_options(self, known: Collection[str]) -> None:
        """Refuse options that an engine does not have.

        Raises
        ------
        SettingsError
            There is another one.
        """
        if unknown := sorted(set(self.options) - set(known)):
            names = ", ".join(sorted(known)) or "none"
            raise SettingsError(
                f"{SETTING}: {self.scheme}:// has no option {unknown[0]!r}. Options: {names}."
            )

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return an option that is true or false.

        Raises
        ------
        SettingsError
            It is neither.
        """
        value = self.options.get(name, str(default)).lower()
        if value not in {"true", "false"}:
            raise SettingsError(f"{SETTING}: option {name}={value!r} must be true or false.")
        return value == "true"

    def number(self, name: str, *, default: int) -> int:
        """Return an option that is a whole number, at least 1.

        Raises
        ------
        SettingsError
            It is none.
        """
        value = self.options.get(name, str(default))
        if not (value.isascii() and value.isdecimal() and int(value)):
            raise SettingsError(
                f"{SETTING}: option {name}={value!r} must be a whole number, at least 1."
            )
        return int(value)


def parse_engine_address(url: str) -> EngineAddress:
    """Read the URL of an engine; nothing of it is looked up yet.

    Raises
    ------
    SettingsError
        It is no URL. The message does not quote it, for it may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError(f"{SETTING} is not a valid URL. {_EXAMPLES}") from None
    if not parts.scheme or "://" not in url:
        raise SettingsError(f"{SETTING} is not a URL. {_EXAMPLES}")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise SettingsError(f"{SETTING} gives an option twice. Give each once.")
    if not host:  # as libpq has it, for a socket
        host = options.pop("host", "")
    return EngineAddress(
        scheme=parts.scheme,
        host=unquote(host),
        port=port,
        path=unquote(parts.path),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        options=options,
    )
