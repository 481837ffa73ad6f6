"""The innermost loops: for each event set the cursors, match what works, call the strategy.

A loop over ``zip(*columns)`` whose targets are attributes (``for bar.open, … in rows``) moves
the cursors without calling anything; it is three times as fast as the same assignments written
out. The number of targets depends on how many indicators a run reveals, so the loop is made for
that number, once.

Most bars find no order working, which is the cheapest thing to ask; most that find some have
nothing due, such as the other symbols of an instant in which one has sent an order.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from app.core.exceptions import StrategyError
from app.core.strategy import BarCursor

Loop = Callable[..., None]


class StrategyFailed(StrategyError):  # noqa: N818  # it never leaves this package
    """The run ends, since a strategy raised `error`, which has been judged already."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class CallFailed(Exception):  # noqa: N818  # it never leaves this package
    """A strategy raised `error`, or asked Python to exit, when it was called with `cursor`.

    The rows iterator stays where it was: the loop may be called with it again to go on.
    """

    def __init__(self, cursor: BarCursor, error: BaseException) -> None:
        super().__init__(cursor.symbol)
        self.cursor = cursor
        self.error = error


@cache
def single_feed_loop(fields: tuple[str, ...], handles: int, *, heard: bool) -> Loop:
    """``loop(rows, clock, book, match, on_bar, bar, *handles)`` for a run with one feed.

    A row is (now_ns, row, one value per bar field in `fields`, one value per handle). With
    `heard`, matching may call strategies back: the cursors are then moved only after it.
    """
    names = [f"handle{k}" for k in range(handles)]
    targets = ["clock.now_ns", *_bar(fields), *(f"{name}.value" for name in names)]
    return _make(["on_bar", "bar", *names], targets, heard=heard)


@cache
def merged_feeds_loop(fields: tuple[str, ...], handles: int, *, heard: bool) -> Loop:
    """``loop(rows, clock, book, match)`` for a run whose feeds are merged into one stream.

    A row is (now_ns, on_bar, bar, one object per handle, row, one value per bar field in
    `fields`, one value per handle); `heard` as above.
    """
    names = [f"handle{k}" for k in range(handles)]
    values = [f"{name}.value" for name in names]
    targets = ["clock.now_ns", "on_bar", "bar", *names, *_bar(fields), *values]
    return _make([], targets, heard=heard)


def _bar(fields: Iterable[str]) -> list[str]:
    return ["bar.row", *(f"bar.{field}" for field in fields)]


def _make(arguments: Iterable[str], targets: list[str], *, heard: bool) -> Loop:
    move = (
        f"""
        for row in rows:
            if working and book.due_ns <= row[0]:
                match(row[0])
            {", ".join(targets)} = row"""
        if heard
        else f"""
        for {", ".join(targets)} in rows:
            if working and book.due_ns <= clock.now_ns:
                match(clock.now_ns)"""
    )
    source = f"""
def loop({", ".join(["rows", "clock", "book", "match", *arguments])}):
    working = book.working
    bar = None
    try:{move}
            on_bar(bar)
    except StrategyFailed:
        raise
    except (Exception, SystemExit) as error:
        if bar is None:
            raise
        raise CallFailed(bar, error) from error
"""
    if "bar" in arguments:
        source = source.replace("    bar = None\n", "")
    namespace: dict[str, Any] = {"CallFailed": CallFailed, "StrategyFailed": StrategyFailed}
    exec(source, namespace)  # noqa: S102  # the source is made above, from no user's input
    loop: Loop = namespace["loop"]
    return loop
