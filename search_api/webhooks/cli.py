"""`webhook`: receivers of retro-matches and flood flags."""

from typing import Annotated, Any

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, RowLimit, load, opened
from indexer.cli.output import print_json, print_table
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.types import DeliveryState, Webhook, WebhookDelivery, WebhookEvent

app = Commands(help="Send events to other programs.")

WebhookId = Annotated[int, typer.Argument(metavar="ID", help="The webhook, as listed.")]
Events = Annotated[
    list[WebhookEvent] | None,
    typer.Option("--event", help="Event to send; may be repeated."),
]
Description = Annotated[str | None, typer.Option(help="Purpose of the webhook.")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="URL that receives events.")],
    event: Events = None,
    description: Description = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create a webhook.

    Its URL receives events from now on. Prints the signing secret, once.

    Example: lookalike webhook create https://hook.example/ --event flood_flag
    """
    from search_api.webhooks import registration

    settings, receivers = load(), registration.Receivers(_serve())
    with opened(settings) as store:
        made = registration.create_webhook(store, receivers, url, event or (), description)
    _print_secret(made, as_json=as_json)


@app.command("list")
def list_webhooks(
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this webhook.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List the webhooks, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike webhook list --json
    """
    with opened() as store, store.reader() as catalog:
        webhooks = catalog.webhooks.page(after_id=after, limit=limit)
    if as_json:
        print_json(webhooks)
        return
    print_table(
        "Webhooks",
        ["id", "enabled", "events", "url"],
        [(hook.id, hook.enabled, ", ".join(hook.events), hook.url) for hook in webhooks],
    )


@app.command()
def show(webhook: WebhookId, *, as_json: AsJson = False) -> None:
    """Show a webhook, without its secret.

    Example: lookalike webhook show 2 --json
    """
    with opened() as store, store.reader() as catalog:
        _print(catalog.webhooks.get(webhook), as_json=as_json)


@app.command()
def edit(
    webhook: WebhookId,
    url: Annotated[str | None, typer.Option(help="URL that receives events.")] = None,
    event: Events = None,
    description: Description = None,
    *,
    clear_description: Annotated[
        bool, typer.Option("--clear-description", help="Remove the description.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Edit a webhook.

    The named events replace the previous ones.

    Example: lookalike webhook edit 2 --event retro_match --event flood_flag
    """
    if clear_description:
        if description is not None:
            raise InputError("--description and --clear-description are mutually exclusive.")
        description = ""
    _edit(webhook, as_json=as_json, url=url, events=event or None, description=description)


@app.command()
def enable(webhook: WebhookId, *, as_json: AsJson = False) -> None:
    """Enable a webhook.

    Deliveries left when it was disabled are sent first.

    Example: lookalike webhook enable 2
    """
    _edit(webhook, as_json=as_json, enabled=True)


@app.command()
def disable(webhook: WebhookId, *, as_json: AsJson = False) -> None:
    """Disable a webhook.

    Events that occur meanwhile are never sent to it.

    Example: lookalike webhook disable 2
    """
    _edit(webhook, as_json=as_json, enabled=False)


@app.command()
def rotate_secret(webhook: WebhookId, *, as_json: AsJson = False) -> None:
    """Replace a webhook's signing secret.

    It signs from the next delivery on. Prints the new secret, once.

    Example: lookalike webhook rotate-secret 2
    """
    from search_api.webhooks import registration

    with opened() as store:
        made = registration.rotate_secret(store, webhook)
    _print_secret(made, as_json=as_json)


@app.command()
def remove(webhook: WebhookId, *, as_json: AsJson = False) -> None:
    """Remove a webhook and its secret.

    Pending deliveries are dropped.

    Example: lookalike webhook remove 2
    """
    with opened() as store, store.writer() as writer:
        removed = writer.webhooks.remove(webhook)
    if as_json:
        print_json(removed)
    else:
        echo(f"Webhook {webhook} is removed.")


@app.command("test")
def ping(webhook: WebhookId, *, as_json: AsJson = False) -> None:
    """Send a test event to a webhook.

    Sends the event `ping` and whatever else is due, and shows the result.

    Example: lookalike webhook test 2
    """
    from search_api.webhooks.delivery import Deliverer

    settings, serve = load(), _serve()
    with opened(settings) as store:
        with store.writer() as writer:
            sent = writer.webhooks.ping(webhook)
        Deliverer(store, serve).deliver_all()
        with store.reader() as catalog:
            sent = catalog.deliveries.get(sent.id)
    if as_json:
        print_json(sent)
    else:
        _print_deliveries([sent])


@app.command()
def deliveries(
    webhook: WebhookId,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this delivery.")] = 0,
    *,
    dead: Annotated[
        bool, typer.Option("--dead", help="Only deliveries that were given up.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List a webhook's deliveries, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike webhook deliveries 2 --dead
    """
    settings, state = load(), DeliveryState.DEAD if dead else None
    with opened(settings) as store, store.reader() as catalog:
        found = catalog.deliveries.page(webhook, state=state, after_id=after, limit=limit)
    if as_json:
        print_json(found)
    else:
        _print_deliveries(found)


@app.command()
def retry(
    delivery: Annotated[int, typer.Argument(metavar="ID", help="The delivery, as listed.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Retry a delivery that was given up.

    It gets as many attempts as a new one.

    Example: lookalike webhook retry 61
    """
    with opened() as store, store.writer() as writer:
        again = writer.deliveries.retry(delivery)
    if as_json:
        print_json(again)
    else:
        _print_deliveries([again])


@app.command()
def deliver(*, as_json: AsJson = False) -> None:
    """Send due deliveries without a server.

    Can run from a timer, even while servers run.

    Example: lookalike webhook deliver
    """
    from search_api.webhooks.delivery import Deliverer

    settings, serve = load(), _serve()
    with opened(settings) as store:
        done = Deliverer(store, serve).deliver_all()
    if as_json:
        print_json(done)
    else:
        echo(f"{done.delivered} delivered, {done.failed} failed.")


def _serve() -> Any:
    from search_api.settings import load_serve_settings

    return load_serve_settings()


def _edit(webhook_id: int, *, as_json: bool, **changes: Any) -> None:
    from search_api.webhooks import registration

    settings, receivers = load(), registration.Receivers(_serve())
    with opened(settings) as store:
        edited = registration.edit_webhook(store, receivers, webhook_id, **changes)
    _print(edited, as_json=as_json)


def _print(webhook: Webhook, *, as_json: bool) -> None:
    if as_json:
        print_json(webhook)
        return
    state = "enabled" if webhook.enabled else "disabled"
    about = f" ({webhook.description})" if webhook.description else ""
    echo(
        f"Webhook {webhook.id}{about}, {state}, sends {', '.join(webhook.events)} to {webhook.url}."
    )


def _print_secret(made: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    _print(made.webhook, as_json=False)
    echo(f"Its secret, shown only once: {made.secret}")


def _print_deliveries(found: list[WebhookDelivery]) -> None:
    print_table(
        "Deliveries",
        ["id", "event", "state", "attempts", "next at", "status", "last error"],
        [
            (
                each.id,
                each.event,
                each.state,
                each.attempts,
                each.next_attempt_at and f"{each.next_attempt_at:%Y-%m-%d %H:%M:%S}",
                each.last_status,
                each.last_error,
            )
            for each in found
        ],
    )
