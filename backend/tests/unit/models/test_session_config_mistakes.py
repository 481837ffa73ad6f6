"""Each common mistake gives one sentence: the field's path, the value, the remedy."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from app.core.exceptions import ConfigurationError
from app.models.session_config import parse_session_config, read_session_config

EXAMPLE = Path(__file__).resolve().parents[3] / "session_configs" / "example_session.json"
ABSENT = object()
DATA = "session_data_config"
HISTORY = (DATA, "historical", "data", 0)
INDICATORS = (DATA, "historical", "indicators")


def changed(path: tuple[str | int, ...], value: Any) -> Any:
    config = json.loads(EXAMPLE.read_text())
    inner = config
    for part in path[:-1]:
        inner = inner[part]
    if value is ABSENT:
        del inner[path[-1]]
    else:
        inner[path[-1]] = copy.deepcopy(value)
    return config


MISTAKES: list[tuple[tuple[str | int, ...], Any, str]] = [
    # misspelt, misplaced, missing
    (
        ("sesion_name",),
        "x",
        'sesion_name: is not a field; did you mean "session_name"?',
    ),
    (
        (DATA, "simbols"),
        ["AAPL"],
        'session_data_config.simbols: is not a field; did you mean "symbols"?',
    ),
    (
        ("prefetch_days",),
        3,
        "prefetch_days: is not a field here; it belongs in backtest_config",
    ),
    (
        (*HISTORY, "colour"),
        "red",
        (
            "session_data_config.historical.data[0].colour: is not a field; the fields here are "
            "apply_to, intervals and trailing_days"
        ),
    ),
    (
        ("session_name",),
        ABSENT,
        'session_name: is missing; a session name is wanted (for example "My session")',
    ),
    (
        ("strategies", 0, "class"),
        ABSENT,
        'strategies[0].class: is missing; a strategy class is wanted (for example "sma_cross")',
    ),
    (
        ("execution",),
        ABSENT,
        "execution: is missing; strategies trade, so give starting_cash, commission and slippage",
    ),
    # the wrong type, with no coercion
    (
        ("backtest_config", "prefetch_days"),
        "2",
        (
            'backtest_config.prefetch_days: "2" is a text; '
            "a whole number from 1 to 250 is wanted (for example 2)"
        ),
    ),
    (
        ("backtest_config", "prefetch_days"),
        True,
        (
            "backtest_config.prefetch_days: true is true/false; "
            "a whole number from 1 to 250 is wanted (for example 2)"
        ),
    ),
    (
        ("backtest_config", "prefetch_days"),
        2.0,
        (
            "backtest_config.prefetch_days: 2.0 is a number; "
            "a whole number from 1 to 250 is wanted (for example 2)"
        ),
    ),
    (
        ("backtest_config", "prefetch_days"),
        None,
        "backtest_config.prefetch_days: null is no value; give one, or leave the field out",
    ),
    (
        (DATA, "symbols"),
        "AAPL",
        (
            'session_data_config.symbols: "AAPL" is a text; '
            'a list of symbols is wanted (for example ["AAPL", "BRK.B"])'
        ),
    ),
    (
        (DATA, "gap_filler", "enable_session_quality"),
        "yes",
        (
            'session_data_config.gap_filler.enable_session_quality: "yes" is a text; '
            "true or false is wanted (for example true)"
        ),
    ),
    (
        ("strategies", 0, "parameters", "fast"),
        [1],
        (
            "strategies[0].parameters.fast: [1] is a list; "
            "a number, a text or true/false is wanted (for example 10)"
        ),
    ),
    (
        ("execution", "commission"),
        "none",
        (
            'execution.commission: "none" is a text; a section that names a model: none, '
            "per_share, per_order, percent, tiered, ibkr_fixed, ibkr_tiered or alpaca is wanted "
            '(for example {"model": "per_share", "rate": 0.005, "minimum": 1.0})'
        ),
    ),
    (
        ("session_name",),
        "../outside",
        (
            'session_name: "../outside" is not a session name; files are named after it: use '
            "letters, digits, spaces, . - _ and begin and end with a letter or digit"
        ),
    ),
    # out of bounds
    (
        (*HISTORY, "trailing_days"),
        -1,
        (
            "session_data_config.historical.data[0].trailing_days: -1 is too small; "
            "a whole number from 1 to 2520 is wanted (for example 10)"
        ),
    ),
    (
        ("execution", "starting_cash"),
        0,
        (
            "execution.starting_cash: 0 is too small; "
            "a number from 1e-06 to 1000000000000 is wanted (for example 100000)"
        ),
    ),
    (
        ("execution", "starting_cash"),
        1e-7,
        (
            "execution.starting_cash: 1e-07 is too small; "
            "a number from 1e-06 to 1000000000000 is wanted (for example 100000)"
        ),
    ),
    (
        ("backtest_config", "prefetch_days"),
        1000,
        (
            "backtest_config.prefetch_days: 1000 is too large; "
            "a whole number from 1 to 250 is wanted (for example 2)"
        ),
    ),
    (
        ("backtest_config",),
        {"backtest_days": 0},
        (
            "backtest_config.backtest_days: 0 is too small; "
            "a whole number from 1 to 10000 is wanted (for example 5)"
        ),
    ),
    (
        (DATA, "symbols"),
        [],
        (
            "session_data_config.symbols: [] is empty; "
            'a list of symbols is wanted (for example ["AAPL", "BRK.B"])'
        ),
    ),
    # not one of the words
    (
        ("mode",),
        "backtesting",
        'mode: "backtesting" is not known; did you mean "backtest"? Use backtest, paper or live',
    ),
    (
        ("mode",),
        "live",
        (
            'mode: "live" needs a broker connection, which is not available yet; '
            'use "paper" or "backtest"'
        ),
    ),
    (
        ("exchange_group",),
        "us_equity",
        (
            'exchange_group: "us_equity" is not known; did you mean "US_EQUITY"? '
            "Use US_EQUITY, CRYPTO or IN_EQUITY"
        ),
    ),
    (
        ("asset_class",),
        "CRYPTO",
        'asset_class: "CRYPTO" is not traded in US_EQUITY; use "EQUITY"',
    ),
    (
        (DATA, "streams", 0),
        "ticks",
        (
            'session_data_config.streams[0]: "ticks" are not available in a backtest yet; '
            'use "bars_1m"'
        ),
    ),
    (
        ("execution", "commission", "model"),
        "per-share",
        (
            'execution.commission.model: "per-share" is not known; did you mean "per_share"? '
            "Use none, per_share, per_order, percent, tiered, ibkr_fixed, ibkr_tiered or alpaca"
        ),
    ),
    (
        ("execution", "slippage", "tick_size"),
        ABSENT,
        "execution.slippage.tick_size: is missing; a number above 0 is wanted (for example 0.01)",
    ),
    # values with a form of their own
    (
        (DATA, "symbols", 1),
        "",
        (
            'session_data_config.symbols[1]: "" is not a symbol; '
            "use letters, digits and . - / : _ & = ^, and a name on both sides of each / "
            "(for example AAPL, BTC/USD)"
        ),
    ),
    (
        ("backtest_config", "end_date"),
        "2025-02-30",
        (
            'backtest_config.end_date: "2025-02-30" is not a date; '
            'write year-month-day (for example "2025-11-03")'
        ),
    ),
    (
        (*HISTORY, "intervals", 1),
        "7x",
        (
            'session_data_config.historical.data[0].intervals[1]: "7x" is not an interval; '
            "use minutes or hours up to a day (1m, 5m, 90m, 4h), 1d or 1w"
        ),
    ),
    (
        (*INDICATORS, "trailing_avg_volume", "period"),
        "10 days",
        (
            "session_data_config.historical.indicators.trailing_avg_volume.period: "
            '"10 days" is not a period; '
            'write a number of trading days and the letter d (for example "10d")'
        ),
    ),
    (
        ("strategies", 0, "class"),
        "SMA Cross",
        (
            'strategies[0].class: "SMA Cross" is not a strategy class; write the name of a shipped '
            "one (sma_cross), a file of the strategies folder and its class "
            "(my_file.py:MyStrategy), or module:Class (my_package.my_module:MyStrategy)"
        ),
    ),
    # fields that do not fit each other
    (
        ("backtest_config", "backtest_days"),
        5,
        "backtest_config: has both backtest_days and dates; keep one way to say what to replay",
    ),
    (
        ("backtest_config",),
        {},
        (
            "backtest_config: does not say what to replay; "
            "give backtest_days, or start_date and end_date"
        ),
    ),
    (
        ("backtest_config", "end_date"),
        ABSENT,
        'backtest_config.end_date: is missing; start_date needs it (for example "2025-11-03")',
    ),
    (
        ("backtest_config", "end_date"),
        "2025-01-01",
        (
            'backtest_config.end_date: "2025-01-01" comes before start_date "2025-11-06"; '
            "give a last day on or after the first"
        ),
    ),
    (
        ("backtest_config", "speed_multiplier"),
        -1,
        (
            "backtest_config.speed_multiplier: -1 is too small; a number, 0 or more is wanted "
            "(for example 0)"
        ),
    ),
    (
        (DATA, "symbols", 1),
        "ALPHA",
        'session_data_config.symbols[1]: "ALPHA" is listed twice; keep one',
    ),
    (
        (*HISTORY, "intervals"),
        ["1h", "60m"],
        'session_data_config.historical.data[0].intervals[1]: "1h" is listed twice; keep one',
    ),
    (
        (*HISTORY, "apply_to"),
        ["ALPHA", "TSLA"],
        (
            'session_data_config.historical.data[0].apply_to[1]: "TSLA" is not among '
            "session_data_config.symbols; add it there or take it out here"
        ),
    ),
    (
        ("strategies", 0, "symbols"),
        ["TSLA"],
        (
            'strategies[0].symbols[0]: "TSLA" is not among session_data_config.symbols; '
            "add it there or take it out here"
        ),
    ),
    (
        ("strategies", 1, "name"),
        "sma_cross",
        'strategies[1].name: "sma_cross" is taken by another strategy; give each its own name',
    ),
    (
        (*INDICATORS, "trailing_avg_volume", "period"),
        "10d",
        (
            'session_data_config.historical.indicators.trailing_avg_volume.period: "10d" reaches '
            "further back than historical.data loads (3 trading days); "
            "raise trailing_days or shorten the period"
        ),
    ),
    (
        (*INDICATORS, "busy"),
        {"type": "trailing_volume", "field": "close", "period": "2d"},
        (
            'session_data_config.historical.indicators.busy.field: "close" is not what '
            'trailing_volume reads; leave it out, or use the type "trailing_average"'
        ),
    ),
    # removed, and not there yet
    (
        ("data_streams",),
        [],
        (
            "data_streams: was removed; "
            "use session_data_config.symbols and session_data_config.streams"
        ),
    ),
    (
        (DATA, "derived_intervals"),
        ["5m"],
        (
            "session_data_config.derived_intervals: was removed; leave it out: longer bars are "
            "determined automatically from what strategies and historical.data ask for"
        ),
    ),
    (
        (DATA, "historical", "auto_compute_derived"),
        True,
        (
            "session_data_config.historical.auto_compute_derived: was removed; "
            "leave it out: longer bars are always computed"
        ),
    ),
    (
        (DATA, "historical_bars"),
        {},
        "session_data_config.historical_bars: was removed; use session_data_config.historical.data",
    ),
    (
        ("risk",),
        {"max_daily_loss": 1000},
        "risk: is not a field; risk limits are not available yet; leave it out",
    ),
]


@pytest.mark.parametrize(("path", "value", "sentence"), MISTAKES)
def test_a_mistake_gives_one_clear_sentence(
    path: tuple[str | int, ...], value: Any, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_session_config(changed(path, value), "mine.json")
    assert refusal.value.problems == (sentence,)
    assert str(refusal.value) == f"mine.json has 1 mistake:\n  {sentence}"


def test_all_mistakes_are_told_at_once() -> None:
    config = changed((DATA, "simbols"), ["AAPL"])
    config["execution"]["commission"]["rate"] = -1
    config["mode"] = 3
    with pytest.raises(ConfigurationError) as refusal:
        read_session_config(config, "mine.json")
    assert str(refusal.value) == (
        "mine.json has 3 mistakes:\n"
        '  mode: 3 is a whole number; backtest, paper or live is wanted (for example "backtest")\n'
        '  session_data_config.simbols: is not a field; did you mean "symbols"?\n'
        "  execution.commission.rate: -1 is too small; "
        "a number above 0 is wanted (for example 0.005)"
    )


@pytest.mark.parametrize("removed", ["data_streams", "derived_intervals", "historical_bars"])
@pytest.mark.parametrize("place", [(), (DATA,), (DATA, "historical"), ("backtest_config",)])
def test_a_removed_field_is_known_wherever_it_stands(place: tuple[str, ...], removed: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{removed}: was removed; (use|leave)"):
        read_session_config(changed((*place, removed), []))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1, column 1: the file is empty; write a config in braces { … }"),
        ('{"a": 1,\n}', "line 2, column 1: there is a comma before this bracket; take it out"),
        ('{"a": 1 // x\n}', "line 1, column 9: JSON has no comments; take this one out"),
        ('{"a": [1, ]}', "line 1, column 11: there is a comma before this bracket; take it out"),
        ("{'a': 1}", "line 1, column 2: JSON puts texts in double quotes"),
        ('{"a": 1\n "b": 2}', "line 2, column 2: expecting ',' delimiter"),
        ('{"mode": "live",\n "mode": "backtest"}', "mode: is written 2 times; keep one"),
        (
            '{"execution": {"leverage": 1, "leverage": 1, "leverage": 2}}',
            "execution.leverage: is written 3 times; keep one",
        ),
        (
            '{"execution": {"starting_cash": NaN}}',
            (
                "execution.starting_cash: NaN is not a number that can be used here; "
                "write one like 100 or 0.5"
            ),
        ),
        (
            '{"execution": {"starting_cash": -Infinity}}',
            (
                "execution.starting_cash: -Infinity is not a number that can be used here; "
                "write one like 100 or 0.5"
            ),
        ),
        (
            '{"execution": {"starting_cash": 1e999}}',
            (
                "execution.starting_cash: 1e999 is not a number that can be used here; "
                "write one like 100 or 0.5"
            ),
        ),
        (
            '{"execution": {"random_seed": ' + "9" * 5000 + "}}",
            (
                "execution.random_seed: 999999999999999999… is not a number that can be used here; "
                "write one like 100 or 0.5"
            ),
        ),
        ("[" * 100_000, "is nested more than 20 levels deep"),
        ('{"a": ' * 21 + "1" + "}" * 21, "a.a.a: is nested more than 20 levels deep"),
        (
            "[]",
            (
                "[] is a list; a section with session_name, exchange_group, asset_class, mode, "
                "backtest_config, session_data_config, strategies and execution is wanted"
            ),
        ),
        ("null", "null is no value; give one, or leave the field out"),
    ],
)
def test_a_text_that_is_no_config_is_refused_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_session_config(text)
    assert refusal.value.problems == (problem,)


@pytest.mark.parametrize(
    ("path", "value", "beginning"),
    [
        (("a\x1b[31m",), 1, '["a\\u001b[31m"]: is not a field; the fields here are '),
        (("mode",), "\x9bm", 'mode: "\\u009bm" is not known; use backtest'),
        (("session_name",), "\ud800", 'session_name: "\\ud800" holds half a character'),
        (("\ud800",), 1, '["\\ud800"]: is not a name a field can have; write it anew'),
    ],
)
def test_a_message_holds_nothing_a_terminal_would_obey(
    path: tuple[str], value: Any, beginning: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_session_config(changed(path, value))
    (problem,) = refusal.value.problems
    assert problem.startswith(beginning)
    assert problem.isprintable()


def test_a_backtest_needs_to_know_what_to_replay_and_a_paper_session_does_not() -> None:
    config = changed(("session_name",), "mine")
    del config["backtest_config"]
    with pytest.raises(ConfigurationError) as refusal:
        read_session_config(config)
    assert str(refusal.value).endswith(
        "backtest_config: is missing; a section with backtest_days, start_date, end_date, "
        "speed_multiplier and prefetch_days is wanted"
    )
    assert read_session_config(config | {"mode": "paper"}).replay is None


def test_a_paper_session_must_wait_for_its_bars() -> None:
    config = changed((DATA, "gap_filler"), {"max_retries": 0})
    assert read_session_config(config).session_data_config.gap_filler.patience_s == 0
    with pytest.raises(ConfigurationError, match=r"gap_filler\.max_retries: 0 waits for no bar"):
        read_session_config(config | {"mode": "paper"})
