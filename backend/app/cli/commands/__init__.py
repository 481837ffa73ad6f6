"""One module per namespace; each holds a Typer application called `app`."""
