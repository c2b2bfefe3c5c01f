"""`key`: API keys of the server."""

from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, RowLimit, opened
from indexer.cli.output import print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import ApiKey, Scope

app = Commands(help="Manage API keys.")


@app.command()
def create(
    name: Annotated[str, typer.Option(metavar="TEXT", help="Purpose of the key.")],
    scope: Annotated[
        list[Scope],
        typer.Option(help="Permission; may be repeated. admin includes all others."),
    ],
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Expiry: in 90d or 2w, or on 2027-01-31."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="N", help="Average requests per second allowed."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print it once.

    Only a hash of the key is stored. It works at once. Without --json, stdout holds only the key,
    ready for a file or a secret store.

    Example: lookalike key create --name uploads --scope check --expires 90d
    """
    from datetime import UTC, datetime

    from indexer.cli.time_arguments import parse_later
    from indexer.keys import create_key

    expires_at = parse_later(expires, datetime.now(UTC)) if expires is not None else None
    with opened() as store:
        created = create_key(store, name, scope, expires_at=expires_at, requests_per_second=rate)
    if as_json:
        print_json(created)
        return
    echo(f"Key {created.key.id} is created. Store it now: it is not shown again.", err=True)
    echo(created.token)


@app.command("list")
def list_keys(
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this key.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List the API keys, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike key list --json
    """
    with opened() as store, store.reader() as catalog:
        keys = catalog.keys.page(after_id=after, limit=limit)
    if as_json:
        print_json(keys)
        return
    print_table(
        "Keys",
        ["id", "public id", "scopes", "state", "last used", "name"],
        [
            (
                key.id,
                key.public_id,
                ", ".join(key.scopes),
                _state(key),
                f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
                key.name,
            )
            for key in keys
        ],
    )


@app.command()
def revoke(
    key: Annotated[int, typer.Argument(min=1, metavar="ID", help="The key, as listed.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key.

    Every running server refuses it within seconds. Console sessions opened with it end too.
    Revoking a key twice changes nothing.

    Example: lookalike key revoke 3
    """
    from indexer.keys import revoke_key

    with opened() as store:
        revoked = revoke_key(store, key)
    if as_json:
        print_json(revoked)
    else:
        echo(f"Key {revoked.id} ({revoked.name}) is revoked.")


def _state(key: ApiKey) -> str:
    from datetime import UTC, datetime

    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if not key.works_at(datetime.now(UTC)):
        return f"expired {key.expires_at:%Y-%m-%d}"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "works"
