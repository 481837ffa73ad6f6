"""``strategy``: the strategies that can be run, and their parameters."""

from typing import Annotated, Any

import typer

from app.cli.commands.database_commands import JSON_OPTION

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="The strategies that can be run, and their parameters.",
)
Json = Annotated[bool, JSON_OPTION]


@app.command("list", epilog="Example: strategy list")
def list_strategies(as_json: Json = False) -> None:
    """The strategies that come with the platform."""
    from app.cli.output import console, print_json
    from app.cli.run_tables import render_strategies
    from app.strategies.registry import SHIPPED, load_strategy

    strategies = {name: load_strategy(name) for name in SHIPPED}
    if as_json:
        print_json([_described(name, strategy) for name, strategy in strategies.items()])
        return
    console.print(render_strategies(strategies))


@app.command(epilog="Example: strategy show sma_cross")
def show(
    strategy: Annotated[
        str, typer.Argument(metavar="NAME", help="A shipped strategy, or package.module:Class.")
    ],
    as_json: Json = False,
) -> None:
    """One strategy: what it does, when it loses, and its parameters."""
    import inspect

    from app.cli.output import console, print_json
    from app.cli.own_code import look_in_current_folder
    from app.cli.run_tables import own_text, render_strategy
    from app.strategies.registry import load_strategy

    look_in_current_folder()
    found = load_strategy(strategy)
    about = inspect.getdoc(inspect.getmodule(found)) or own_text(found)
    if as_json:
        print_json(_described(strategy, found) | {"about": about})
        return
    console.print(render_strategy(strategy, found, about))


def _described(name: str, strategy: Any) -> dict[str, Any]:
    from app.cli.run_tables import own_text

    return {
        "name": name,
        "description": own_text(strategy),
        "parameters": {
            key: {
                "default": str(p.default) if p.kind.startswith("a bar") else p.default,
                "accepted": p.bounds,
                "help": p.help,
            }
            for key, p in strategy.declared_parameters().items()
        },
        "indicators": list(strategy.declared_indicators()),
    }
