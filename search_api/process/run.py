"""Entry point of the server: one process, or workers under a supervisor."""

import typer

from indexer.runtime.terminal import echo
from indexer.settings import Settings
from search_api.process.listen import bind, url_of
from search_api.settings import ServeSettings


def run(settings: Settings, serve: ServeSettings) -> None:
    """Serve until interrupted; SIGTERM ends it with code 0.

    The address is taken first, and answers once a worker is ready.

    Raises
    ------
    InputError
        The address cannot be taken.
    """
    with bind(serve) as listener:
        url = url_of(listener)

        def announce() -> None:
            echo(f"Console: {url}/console")
            echo(f"Listening on {url} (documentation: {url}/docs)")

        successor = None
        if serve.workers == 1:
            from search_api.process.handover import answer_until_moved

            successor = answer_until_moved(listener, settings, serve, announce)
            if successor is None:
                return
        from search_api.process.supervisor import Supervisor

        code = Supervisor(listener, settings, serve, announce, successor).run()
    if code:
        raise typer.Exit(code)
