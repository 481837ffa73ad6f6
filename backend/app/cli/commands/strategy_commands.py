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
    """The platform's strategies and those in your folder."""
    from app.cli.output import console, print_json
    from app.cli.run_tables import render_strategies
    from app.config.settings import get_settings
    from app.strategies.registry import SHIPPED, load_strategy, strategies_in

    own = strategies_in(get_settings().strategies_dir)
    strategies = {name: load_strategy(name) for name in SHIPPED} | dict(own.strategies)
    if as_json:
        print_json([_described(name, strategy) for name, strategy in strategies.items()])
        return
    console.print(render_strategies(strategies))
    for problem in own.problems.values():
        console.print(problem, style="red", highlight=False, markup=False)


@app.command(epilog="Example: strategy show sma_cross")
def show(
    strategy: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A shipped one, my_file.py:Class, or module:Class."),
    ],
    as_json: Json = False,
) -> None:
    """One strategy: what it does, when it loses, and its parameters."""
    import inspect

    from app.cli.output import console, print_json
    from app.cli.own_code import look_in_current_folder
    from app.cli.run_tables import own_text, render_strategy
    from app.config.settings import get_settings
    from app.strategies.registry import load_strategy

    look_in_current_folder()
    found = load_strategy(strategy, get_settings().strategies_dir)
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
