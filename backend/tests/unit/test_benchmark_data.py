"""The benchmark's generator makes the published numbers: held to by plain arithmetic on them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

_GENERATOR = Path(__file__).resolve().parents[3] / "benchmarks" / "data.py"
_CASH, _SHARES, _FEE, _TIE = 1_000_000.0, 100, 0.50, 1e-6


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_data", _GENERATOR)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def _average(values: np.ndarray, length: int) -> np.ndarray:
    sums = np.cumsum(np.insert(values, 0, 0.0))
    return np.append(np.full(length - 1, np.nan), (sums[length:] - sums[:-length]) / length)


def _trade(closes: np.ndarray, next_opens: np.ndarray) -> tuple[float, int]:
    """Change in cash and number of fills of the SMA 10/30 cross: 100 shares, half a dollar each.

    `next_opens` is the price an order decided on at each close fills at; NaN: it never does.
    """
    cash, fills, is_long = 0.0, 0, False
    difference = _average(closes, 10) - _average(closes, 30)
    for gap, price in zip(difference.tolist(), next_opens.tolist(), strict=True):
        wants_long = gap > _TIE or (is_long and not gap < -_TIE)
        if wants_long != is_long and price == price:
            cash += _SHARES * price * (-1 if wants_long else 1) - _FEE
            fills, is_long = fills + 1, wants_long
    return cash, fills


def _following(opens: np.ndarray) -> np.ndarray:
    return np.append(opens[1:], np.nan)


def test_d1_gives_the_published_fills_and_cash(generator: ModuleType) -> None:
    bars = generator.make_d1()
    change, fills = _trade(bars["close"], _following(bars["open"]))
    assert len(bars["ts"]) == 98_280
    assert (fills, round(_CASH + change, 2)) == (3_840, 997_461.00)


def test_d2_gives_the_published_fills_and_cash(generator: ModuleType) -> None:
    bars = generator.make_d2()
    closes, opens = (bars[name].reshape(50, 20 * 390) for name in ("close", "open"))
    # 390 minutes are 78 whole bars of five: the fifth minute closes each.
    results = [
        _trade(close[4::5], _following(open_)[4::5])
        for close, open_ in zip(closes, opens, strict=True)
    ]
    assert sum(fills for _, fills in results) == 3_023
    assert round(_CASH + sum(change for change, _ in results), 2) == 573_039.50


def test_bars_are_sessions_of_390_minutes_from_half_past_nine_in_new_york(
    generator: ModuleType,
) -> None:
    starts = generator.make_d1()["ts"].reshape(252, 390)
    # 2023-01-03 09:30 is 14:30 UTC in winter; 2023-03-13, the first Monday of summer time, 13:30.
    assert starts[0, 0] == np.datetime64("2023-01-03T14:30", "ns").astype(np.int64)
    assert np.datetime64("2023-03-13T13:30", "ns").astype(np.int64) in starts[:, 0]
    assert (np.diff(starts, axis=1) == 60_000_000_000).all()


def test_other_numbers_are_refused(generator: ModuleType) -> None:
    other = generator.Dataset(
        name="D1", first_day="2023-01-03", sessions=1, symbols=("AAA",), seed=2, digest="0" * 64
    )
    with pytest.raises(ValueError, match="not the published data set"):
        generator.make(other)
