"""The page of the command line, its reference written from the commands themselves.

``python -m app.cli.reference > ../docs/cli.md`` renews it.
"""

import sys
from collections.abc import Iterator

from app.cli.catalogue import Command, Namespace, Parameter, entries

HEAD = """\
# Command line

<!-- Written from the commands by `python -m app.cli.reference`. -->

Every command can be run on its own or typed into the shell; they are the same commands.

```sh
./start_cli.sh                       # the shell
./start_cli.sh data list             # one command
backend/.venv/bin/mismartera data list
make run-cli ARGS="data list"
```

`help` says what there is, `help data` what a namespace has, `help data import-csv` all about one
command, in the shell and outside it; each command has an example.

## The shell

```text
system@mismartera: system start example_session
● example_session runs: 27 sessions. data session shows it, system wait its result, …
system@mismartera: system pause
system@mismartera: data session
```

| key | does |
|---|---|
| Tab | completes namespaces, commands, options, stored symbols, session configs, strategies, runs, exchanges, intervals, time zones and paths |
| ↑ ↓ | what was typed before and begins like the line, in earlier shells too (`shell_history` in the data folder) |
| → | takes the grey suggestion from the history |
| Ctrl-R | searches the history |
| Ctrl-C | ends the command that runs, or empties the line; never the shell, nor a session |
| Ctrl-D, `exit` | leaves; asks first if a session is under way |

Below the prompt stand the next argument and the options left, and how the session goes. `clear`
empties the screen.

A mistake, a failed command or an interrupted one brings the prompt back. Lines may also come from
a pipe; the exit status is then that of the last command that did not succeed, and a session still
under way at the end is stopped:

```sh
printf 'system start\\nsystem wait\\n' | ./start_cli.sh
```

## Steering a session

A session lives in the process that started it. `system start` as a one-shot command runs it to its
end and shows the result; in the shell it runs beside the commands that follow:

| | |
|---|---|
| `data session` | bars, derived intervals, indicators and quality of each series, live; only what has closed by the session's own time, as a strategy sees it |
| `system status` | state, progress, speed, and whether its threads live |
| `system pause`, `system resume` | hold it before its next bar, let it go on |
| `system step`, `system step 30` | while paused: go on by that many bars of time |
| `time advance` | while paused: go on to the first bar of the next session |
| `system speed 60` | a minute of the market in a second; 0: as fast as it goes |
| `system wait` | its progress until it is over, then its result |
| `system stop` | end it where it is; what it did is kept |

Outside the shell these say that there is no session to steer, and end with status 2. Speed, pauses
and steps never change what a strategy decides.

## Exit status

0 success; 1 a failure, or bars that cannot be true (`data validate`); 2 a mistake in what was typed
or in a config, with nothing done; 130 Ctrl-C. Errors are one line on standard error, or one for
each mistake in a config. Most commands print JSON with `--json`.
"""  # noqa: E501  # a row of a Markdown table is one line


def cli_reference() -> str:
    """The whole page as Markdown, ending with a newline."""
    lines = [HEAD]
    for each in entries():
        lines += _namespace(each) if isinstance(each, Namespace) else [*_single(each), ""]
    return "\n".join(lines).rstrip() + "\n"


def _namespace(space: Namespace) -> Iterator[str]:
    yield from (f"## {space.name}", "", space.summary, "")
    for command in space.commands:
        yield from (f"### {command.name}", "", *_body(command), "")


def _single(command: Command) -> Iterator[str]:
    yield from (f"## {command.name}", "", *_body(command))


def _body(command: Command) -> Iterator[str]:
    yield from (command.text, "", "```", command.usage, "```")
    if command.parameters:
        yield from ("", "| | |", "|---|---|")
        yield from map(_row, (*command.arguments, *command.options))
    examples = ", ".join(f"`{example}`" for example in command.examples)
    yield from (
        "",
        f"Example: {examples}" if len(command.examples) == 1 else f"Examples: {examples}",
    )


def _row(parameter: Parameter) -> str:
    name = ", ".join(parameter.flags) or parameter.label
    if parameter.flags and parameter.takes_value:
        name = f"{name} {parameter.label}"
    default = f" Default: `{parameter.default}`." if parameter.default else ""
    return f"| `{name}` | {parameter.help}{default} |"


if __name__ == "__main__":
    sys.stdout.write(cli_reference())
