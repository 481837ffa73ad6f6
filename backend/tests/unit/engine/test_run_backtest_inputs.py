"""Bars as users have them: every form gives the same run, and what cannot be is named."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataError, DataNotFoundError
from app.core.strategy import BarCursor, Strategy
from app.research import run_backtest
from tests.engine_bars import FIRST_OPEN_NS, grid
from tests.engine_walks import described

MINUTE_NS = 60_000_000_000
COUNT = 40
_RANDOM = np.random.default_rng(4)
STARTS = FIRST_OPEN_NS + np.arange(COUNT) * MINUTE_NS
CLOSE = 100.0 + np.cumsum(_RANDOM.integers(-9, 10, COUNT)) / 100.0
PRICES = {
    "open": CLOSE - 0.01,
    "high": CLOSE + 0.05,
    "low": CLOSE - 0.05,
    "close": CLOSE,
    "volume": _RANDOM.integers(1, 9, COUNT) * 100.0,
}
OTHER = {name: column * 2.0 for name, column in PRICES.items()}


class Turns(Strategy):
    """In and out every third bar, so that every price matters."""

    def on_bar(self, bar: BarCursor) -> None:
        if bar.row % 3 == 0:
            self.close() if self.position else self.buy(1, tag=f"{bar.close:.2f}")


def outcome(bars: Any, **more: Any) -> dict[str, Any]:
    return described(run_backtest(Turns, bars, **more).log)


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """The run of the columns themselves."""
    columns = BarColumns.of_minutes(STARTS, *(PRICES[name] for name in PRICES))
    log = outcome({"A": columns})
    assert len(log["orders"]) > 10
    return log


def table(times: Any, **more: Any) -> dict[str, Any]:
    return {"timestamp": times, **PRICES, **more}


DATETIMES = STARTS.astype("datetime64[ns]")
NAIVE, AWARE = pd.DatetimeIndex(DATETIMES), pd.DatetimeIndex(DATETIMES, tz="UTC")
EASTERN = AWARE.tz_convert("America/New_York")
POLARS = pl.DataFrame(table(DATETIMES))
FORMS = {
    "polars, naive": {"A": POLARS},
    "polars, UTC": {"A": POLARS.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC"))},
    "polars, New York": {
        "A": POLARS.with_columns(
            pl.col("timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
        )
    },
    "polars, microseconds": {"A": POLARS.with_columns(pl.col("timestamp").cast(pl.Datetime("us")))},
    "polars, integers": {"A": pl.DataFrame(table(STARTS))},
    "polars, integer volume": {"A": POLARS.with_columns(pl.col("volume").cast(pl.Int64))},
    "polars, in chunks": {"A": pl.concat([POLARS[:7], POLARS[7:]], rechunk=False)},
    "polars with a symbol column": pl.DataFrame(table(DATETIMES, symbol=["A"] * COUNT)),
    "pandas, naive index": {"A": pd.DataFrame(PRICES, index=NAIVE)},
    "pandas, UTC index": {"A": pd.DataFrame(PRICES, index=AWARE)},
    "pandas, New York index": {"A": pd.DataFrame(PRICES, index=EASTERN)},
    "pandas, naive column": {"A": pd.DataFrame(table(NAIVE))},
    "pandas, UTC column": {"A": pd.DataFrame(table(AWARE))},
    "pandas, New York column": {"A": pd.DataFrame(table(EASTERN))},
    "pandas, seconds": {"A": pd.DataFrame(PRICES, index=NAIVE.as_unit("s"))},
    "pandas with a symbol column": pd.DataFrame(table(AWARE, symbol="A")),
    "pandas index and symbol column": pd.DataFrame({"symbol": "A", **PRICES}, index=EASTERN),
    "arrays, datetime64": {"A": table(DATETIMES)},
    "arrays, datetime64[m]": {"A": table(STARTS.astype("datetime64[ns]").astype("datetime64[m]"))},
    "arrays, seconds": {"A": table(STARTS // 10**9)},
    "arrays, milliseconds": {"A": table(STARTS // 10**6)},
    "arrays, microseconds": {"A": table(STARTS // 10**3)},
    "arrays, nanoseconds": {"A": table(STARTS)},
    "lists": {"A": {name: np.asarray(column).tolist() for name, column in table(STARTS).items()}},
    "upper case": {"A": pl.DataFrame({k.title(): v for k, v in table(DATETIMES).items()})},
    "short names": {
        "A": dict(
            zip(("Date", "o", "h", "l", "c", "v"), (DATETIMES, *PRICES.values()), strict=True)
        )
    },
    "columns": {"A": BarColumns.of_minutes(STARTS, *PRICES.values())},
    "unsorted polars": {"A": POLARS.sample(fraction=1.0, shuffle=True, seed=1)},
    "unsorted pandas": {"A": pd.DataFrame(PRICES, index=AWARE).iloc[::-1]},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_run(form: str, expected: dict[str, Any]) -> None:
    assert outcome(FORMS[form]) == expected


@pytest.mark.parametrize(
    "bars",
    [POLARS, table(STARTS), pd.DataFrame(PRICES, index=AWARE), FORMS["columns"]["A"]],
    ids=["polars", "arrays", "pandas", "columns"],
)
def test_one_table_is_named_by_symbols(bars: Any, expected: dict[str, Any]) -> None:
    assert outcome(bars, symbols=["A"]) == expected


# ── several symbols ──────────────────────────────────────────────────────────


def both() -> dict[str, Any]:
    return {
        "B": BarColumns.of_minutes(STARTS, *OTHER.values()),
        "A": BarColumns.of_minutes(STARTS, *PRICES.values()),
    }


def long_frame(order: str) -> pl.DataFrame:
    """Rows of both symbols, one after the other or turn by turn."""
    parts = [
        pl.DataFrame({"ts": DATETIMES, "ticker": [name] * COUNT, **columns})
        for name, columns in (("B", OTHER), ("A", PRICES))
    ]
    frame = pl.concat(parts)
    return frame if order == "blocks" else frame.sort("ts", maintain_order=True)


@pytest.mark.parametrize("order", ["blocks", "turns"])
@pytest.mark.parametrize("kind", ["polars", "categorical", "pandas", "arrays"])
def test_a_symbol_column_gives_what_a_mapping_does(order: str, kind: str) -> None:
    frame = long_frame(order)
    given = {
        "polars": frame,
        "categorical": frame.with_columns(pl.col("ticker").cast(pl.Categorical)),
        "pandas": pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns}),
        "arrays": {name: frame[name].to_numpy() for name in frame.columns},
    }[kind]
    result = run_backtest(Turns, given)
    assert result.log.symbols == ("B", "A")
    assert described(result.log) == outcome(both())


def test_symbols_chooses_and_orders() -> None:
    result = run_backtest(Turns, long_frame("turns"), symbols=["A", "B"])
    assert result.log.symbols == ("A", "B")
    assert run_backtest(Turns, both(), symbols=["A"]).log.symbols == ("A",)


def test_a_symbol_without_bars_given_is_named() -> None:
    with pytest.raises(ConfigurationError, match="symbols: no bars given for C, D; there are B, A"):
        run_backtest(Turns, both(), symbols=["A", "C", "D"])


def test_an_empty_symbol_beside_one_with_bars_trades_nothing() -> None:
    log = run_backtest(Turns, {**both(), "E": BarColumns.empty()}).log
    assert len(log.bars["E"]) == 0
    assert described(log)["orders"] == outcome(both())["orders"]


# ── what cannot be ───────────────────────────────────────────────────────────

ROW = 17
WHEN = "2024-07-01T13:47:00Z"


def spoiled(**changes: float) -> dict[str, Any]:
    """The table with other values in one row."""
    columns = {name: column.copy() for name, column in PRICES.items()}
    for name, value in changes.items():
        columns[name][ROW] = value
    return {"timestamp": STARTS, **columns}


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "changes",
    [
        *({name: bad} for name in ("open", "high", "low", "close") for bad in (NAN, INF, -INF)),
        *({name: bad} for name in ("open", "high", "low", "close") for bad in (0.0, -5.0)),
        {"volume": NAN},
        {"volume": INF},
        {"volume": -1.0},
        {"high": 50.0},
        {"low": 150.0},
        {"high": 99.0, "low": 101.0},
        {"open": 200.0},
        {"close": 1.0},
        {"open": NAN, "high": NAN, "low": NAN, "close": NAN},
    ],
    ids=str,
)
def test_an_impossible_bar_is_refused_with_its_row_and_time(changes: dict[str, float]) -> None:
    with pytest.raises(DataError, match=rf"bars of A: row {ROW} \({WHEN}\)") as caught:
        run_backtest(Turns, {"A": spoiled(**changes)})
    for name, value in changes.items():
        assert f"{name} {value}" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"high": 1e308},
        {"open": 1e308, "high": 1e308, "close": 1e308},
    ],
    ids=str,
)
def test_a_price_no_market_has_is_refused(changes: dict[str, float]) -> None:
    """1e308 is finite, and any sum of two of it is not."""
    with pytest.raises(DataError, match=rf"bars of A: row {ROW} "):
        run_backtest(Turns, {"A": spoiled(**changes)})


@pytest.mark.parametrize("sort", [True, False])
def test_two_bars_of_one_time_are_refused(*, sort: bool) -> None:
    starts = STARTS.copy()
    starts[ROW + 1] = starts[ROW]
    columns = {"timestamp": starts, **PRICES}
    if not sort:
        columns = {name: column[::-1] for name, column in columns.items()}
    with pytest.raises(DataError, match=rf"bars of A: row {ROW} \({WHEN}\) has two bars of one"):
        run_backtest(Turns, {"A": columns})


def test_a_missing_time_is_refused() -> None:
    times = DATETIMES.copy()
    times[ROW] = np.datetime64("NaT")
    with pytest.raises((DataError, ConfigurationError)) as caught:
        run_backtest(Turns, {"A": table(times)})
    assert "NaT" in str(caught.value)


def test_missing_values_of_polars_and_pandas_are_refused() -> None:
    frame = POLARS.with_columns(
        pl.when(pl.int_range(pl.len()) == ROW).then(None).otherwise(pl.col("close")).alias("close")
    )
    with pytest.raises(DataError, match=f"row {ROW}"):
        run_backtest(Turns, {"A": frame})
    pandas = pd.DataFrame(PRICES, index=AWARE)
    pandas.loc[pandas.index[ROW], "low"] = None
    with pytest.raises(DataError, match=f"row {ROW}"):
        run_backtest(Turns, {"A": pandas})


@pytest.mark.parametrize("missing", ["timestamp", "open", "high", "low", "close", "volume"])
def test_a_missing_column_is_named_beside_those_there_are(missing: str) -> None:
    columns = {name: column for name, column in table(STARTS).items() if name != missing}
    ours = "time" if missing == "timestamp" else missing
    with pytest.raises(ConfigurationError, match=f"no column for {ours}; the columns are"):
        run_backtest(Turns, {"A": pl.DataFrame(columns)})


@pytest.mark.parametrize(
    "times", [STARTS / 1e9, [str(t) for t in DATETIMES]], ids=["float", "text"]
)
def test_times_that_are_not_times_are_refused(times: Any) -> None:
    with pytest.raises(ConfigurationError, match="times are of type"):
        run_backtest(Turns, {"A": table(times)})


@pytest.mark.parametrize(
    "bars",
    [{}, {"A": BarColumns.empty()}, POLARS.clear(), pd.DataFrame(PRICES, index=AWARE).iloc[:0]],
    ids=["nothing", "columns", "polars", "pandas"],
)
def test_no_bars_at_all_is_said(bars: Any) -> None:
    with pytest.raises(DataNotFoundError, match="there are none to run on"):
        run_backtest(Turns, bars)


def test_bars_outside_every_session_given_are_no_bars() -> None:
    moved = {"timestamp": STARTS + 12 * 3_600 * 10**9, **PRICES}
    log = run_backtest(Turns, {"A": moved}, sessions=grid(3)).log
    assert len(log.bars["A"]) == 0
    assert not log.orders


def test_python_datetimes_are_times() -> None:
    times = [datetime.fromisoformat(str(t)[:19]) for t in DATETIMES]
    assert outcome({"A": table(times)}) == outcome({"A": table(STARTS)})


def test_the_users_arrays_are_left_as_they_were() -> None:
    arrays = {name: np.array(column) for name, column in table(STARTS).items()}
    before = {name: column.copy() for name, column in arrays.items()}
    run_backtest(Turns, {"A": arrays})
    for name, column in arrays.items():
        np.testing.assert_array_equal(column, before[name])
        assert column.flags.writeable
