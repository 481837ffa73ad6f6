"""The two lines under the prompt: what can be typed next, and how the session goes."""

from typing import Any

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.utils import get_cwidth

from app.cli.catalogue import Command, Namespace, Parameter, find
from app.cli.registry import COMMANDS
from app.cli.shell.completion import current_parameter, words_before

NOTHING_TYPED = "help says what there is · Tab completes · Ctrl-C ends a command · Ctrl-D leaves"
_BAR = 12


def hint(text: str) -> StyleAndTextTuples:
    """What the line before the cursor is about, the part that comes next set off."""
    words, typed, _ = words_before(text)
    if not words:
        known = COMMANDS.get(typed)
        return [("class:hint", known.help if known else NOTHING_TYPED if not typed else "")]
    found, rest = find(words)
    if words[0] == "help" or found is None:
        return [("class:hint", "")]
    if isinstance(found, Namespace):
        inner = (each for each in found.commands if not rest and each.words[1] == typed)
        told = next((each.summary for each in inner), found.summary)
        return [("class:hint", told)]
    return _usage(found, rest)


def _usage(command: Command, words: list[str]) -> StyleAndTextTuples:
    wanted = current_parameter(command, words)
    pieces: StyleAndTextTuples = []
    if wanted is not None:
        pieces += [("class:hint.wanted", _label(wanted)), ("class:hint", f"  {_about(wanted)}")]
    free = [
        option.flags[0]
        for option in command.options
        if option is not wanted and not any(word in option.flags for word in words)
    ]
    if free and (wanted is None or not wanted.flags):
        pieces.append(("class:hint", ("   " if pieces else "") + " ".join(free)))
    return pieces or [("class:hint", command.summary)]


def _label(parameter: Parameter) -> str:
    text = f"{parameter.flags[0]} {parameter.label}" if parameter.flags else parameter.label
    return text if parameter.required or parameter.flags else f"[{text}]"


def _about(parameter: Parameter) -> str:
    default = f" (default {parameter.default})" if parameter.default else ""
    return parameter.help + default


def session_line(system: Any, *, moment: str) -> StyleAndTextTuples:
    """The session of `system` in a line: state, name, progress, time, profit."""
    status, record = system.status(), system.record
    progress, state = status.progress, str(status.state).lower()
    if status.session_name is None:
        return []
    style = f"class:state.{state}"
    pieces: StyleAndTextTuples = [(style, f"● {state} "), ("class:session", status.session_name)]
    if record is not None:
        pieces.append(("class:hint", f"  run show {str(record.id)[:8]}"))
    if progress is not None:
        done, total = progress.sessions_done, max(progress.sessions_total, 1)
        filled = _BAR * done // total
        pieces += [
            ("class:bar.done", "  " + "━" * filled),
            ("class:bar.left", "━" * (_BAR - filled)),
            ("class:hint", f"  {done}/{progress.sessions_total}"),
            ("class:hint", f"  {moment}" if moment else ""),
            ("class:hint", f"  P&L {progress.pnl:+,.2f}"),
        ]
    if record is None and status.reason:
        pieces.append(("class:hint", f"  {status.reason}"))
    return pieces


def fitted(pieces: StyleAndTextTuples, width: int) -> StyleAndTextTuples:
    """`pieces` cut to `width` columns of the terminal, with an ellipsis if cut."""
    kept: StyleAndTextTuples = []
    for style, text, *_ in pieces:
        room = width - sum(get_cwidth(each[1]) for each in kept)
        if get_cwidth(text) <= room:
            kept.append((style, text))
            continue
        shortened = ""
        for character in text:
            if get_cwidth(shortened + character) >= room:
                break
            shortened += character
        kept.append((style, shortened + "…" if room > 0 else ""))
        break
    return kept
