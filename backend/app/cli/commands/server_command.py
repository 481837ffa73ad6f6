"""``server``: the REST API, until Ctrl-C."""

from typing import Annotated

import typer

from app.cli.surroundings import shell_around
from app.core.exceptions import ConfigurationError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: server\n\nExample: server --port 8080")
def server(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; API_HOST, else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port; API_PORT, else 8000. 0: a free one."),
    ] = None,
) -> None:
    """Serve the REST API, until Ctrl-C.

    Ctrl-C takes no new requests, finishes those it has, stops the session and records what it
    did. An address that others can reach is refused while the secret can be guessed or there is
    no user. Without users, a token to register the first admin with is shown, once.
    """
    from app.cli.serving import serve

    if shell_around(ctx) is not None:
        raise ConfigurationError(
            "the server needs a process of its own: start it outside the shell"
        )
    serve(host, port)
