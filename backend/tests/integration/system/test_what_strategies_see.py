"""What is before a strategy at each moment of a session: history, time, and nothing later."""

import csv
import gzip
import math
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.exceptions import ConfigurationError
from app.managers.system_manager import SystemManager
from tests.system_fixtures import NEW_YORK, Installation, minutes, session_config, utc, utc_ns

DAYS = [date(2024, 7, day) for day in (1, 2, 3, 5, 8)]
"""3 July is a half day (close 13:00), 4 July a holiday; day number 2 has 210 minutes."""
HALF = 2


@pytest.fixture
def market(installation: Installation) -> Installation:
    """One symbol whose prices and volumes say which day and minute they are of.

    Close of day d, minute m: 100 + d + m / 1000. Volume: 1000 × (d + 1) + m.
    """
    made = {"close": price, "volume": volume}
    installation.store("AAA", minutes(*DAYS[:HALF], **made))
    half = {"close": lambda _, m: price(HALF, m), "volume": lambda _, m: volume(HALF, m)}
    installation.store("AAA", minutes(DAYS[HALF], count=210, **half))
    late = {"close": lambda d, m: price(d + 3, m), "volume": lambda d, m: volume(d + 3, m)}
    installation.store("AAA", minutes(*DAYS[HALF + 1 :], **late))
    return installation


def price(day: int, minute: int) -> float:
    return 100.0 + day + minute / 1_000


def volume(day: int, minute: int) -> float:
    return 1_000.0 * (day + 1) + minute


def config(first: str, last: str, **more: Any) -> dict[str, Any]:
    return session_config(
        "AAA",
        first=first,
        last=last,
        strategies={"hooked": ("tests.session_strategies:Hooked", {})},
        **more,
    )


def indicator(type_: str, field: str | None, granularity: str, period: str = "2d"):
    return {"type": type_, "period": period, "granularity": granularity} | (
        {"field": field} if field else {}
    )


TWO_DAYS = [{"intervals": ["1m", "1d"], "trailing_days": 2}]


# ── history ──────────────────────────────────────────────────────────────────


def test_daily_historical_indicators(market: Installation, hooks: dict[str, Any]) -> None:
    """On 5 July the two sessions before are 2 July (day 1) and the half day (day 2)."""
    seen: list[dict[str, float]] = []
    names = {
        "average_close": indicator("trailing_average", "close", "daily"),
        "average_volume": indicator("trailing_average", "volume", "daily"),
        "highest": indicator("trailing_high", None, "daily"),
        "lowest": indicator("trailing_low", None, "daily"),
        "volume": indicator("trailing_volume", None, "daily"),
        "lately": indicator("trailing_average", "close", "daily", "1d"),
    }
    hooks["on_bar"] = lambda self, bar: seen.append({n: self.historical(n) for n in names})
    system = market.run(
        config("2024-07-05", "2024-07-08", historical={"data": TWO_DAYS, "indicators": names})
    )
    assert (system.state, system.reason) == ("STOPPED", None)
    # Volume of a day: 390 minutes of 1000 (d + 1) and 0 + 1 + … + 389 = 75,855; on the half
    # day 210 minutes of 3,000 and 0 + … + 209 = 21,945.
    day_1, day_2 = 390 * 2_000 + 75_855, 210 * 3_000 + 21_945
    day_3 = 390 * 4_000 + 75_855
    assert seen[0] == pytest.approx(
        {
            "average_close": (101.389 + 102.209) / 2,
            "average_volume": (day_1 + day_2) / 2,
            "highest": 102.209,
            "lowest": 100.389,  # 2 July opens at the close of the day before
            "volume": (day_1 + day_2) / 2,
            "lately": 102.209,
        }
    )
    assert all(values == seen[0] for values in seen[:390])
    assert seen[390] == pytest.approx(
        {
            "average_close": (102.209 + 103.389) / 2,
            "average_volume": (day_2 + day_3) / 2,
            "highest": 103.389,
            "lowest": 102.0,  # the half day was written by itself: it opens at its own close
            "volume": (day_2 + day_3) / 2,
            "lately": 103.389,
        }
    )
    assert len(seen) == 780


def test_historical_indicators_by_minute(market: Installation, hooks: dict[str, Any]) -> None:
    """Minute m of 5 July stands against the same minute of 2 July and of the half day."""
    seen: list[np.typing.NDArray[np.float64]] = []
    names = {
        "average": indicator("trailing_average", "volume", "minute"),
        "highest": indicator("trailing_high", "high", "minute"),
    }
    hooks["on_start"] = lambda self: seen.extend(self.historical(name) for name in names)
    system = market.run(
        config("2024-07-05", "2024-07-05", historical={"data": TWO_DAYS, "indicators": names})
    )
    assert (system.state, system.reason) == ("STOPPED", None)
    average, highest = seen
    assert len(average) == len(highest) == 390
    assert average[0] == (2_000 + 3_000) / 2
    assert average[209] == (2_209 + 3_209) / 2
    assert average[210] == 2_210  # the half day had closed by then
    assert highest[209] == pytest.approx(102.209)
    assert highest[389] == pytest.approx(101.389)


def test_too_little_history_is_not_a_number(market: Installation, hooks: dict[str, Any]) -> None:
    """July 1 is the first day stored: the day before has no bars at all."""
    seen: list[float] = []
    hooks["on_start"] = lambda self: seen.append(self.historical("average"))
    names = {"average": indicator("trailing_average", "close", "daily", "1d")}
    data = [{"intervals": ["1d"], "trailing_days": 1}]
    market.run(config("2024-07-01", "2024-07-01", historical={"data": data, "indicators": names}))
    assert len(seen) == 1
    assert math.isnan(seen[0])


def test_daily_bars_of_history_are_there_and_grow(
    market: Installation, hooks: dict[str, Any]
) -> None:
    seen: list[tuple[datetime, list[float], list[float]]] = []

    def look(self: Any, bar: Any) -> None:
        if bar.time.time() in (time(9, 31), time(15, 59)):
            daily = self.daily
            seen.append((bar.time, daily.close.tolist(), daily.high.tolist()))

    hooks["on_bar"] = look
    market.run(config("2024-07-05", "2024-07-08", historical={"data": TWO_DAYS}))
    before_5, before_8 = [101.389, 102.209], [101.389, 102.209, 103.389]
    assert [closes for _, closes, _ in seen] == [
        pytest.approx(closes) for closes in (before_5, before_5, before_8, before_8)
    ]


def test_unknown_indicator_names_those_there_are(
    market: Installation, hooks: dict[str, Any]
) -> None:
    hooks["on_start"] = lambda self: self.historical("averge")
    names = {"average": indicator("trailing_average", "close", "daily", "1d")}
    data = [{"intervals": ["1d"], "trailing_days": 1}]
    system = market.run(
        config("2024-07-02", "2024-07-02", historical={"data": data, "indicators": names})
    )
    assert system.state == "FAILED"
    assert "no indicator 'averge'" in system.reason
    assert "average (AAA)" in system.reason


# ── time ─────────────────────────────────────────────────────────────────────


def test_time_is_the_sessions_and_moves_only_forward(
    market: Installation, hooks: dict[str, Any]
) -> None:
    """At the open when a session begins, at its close (13:00 on the half day) when it ends."""
    system = market.system()
    clock = system.get_time_manager()
    begins: list[tuple[datetime, datetime]] = []
    moments: list[datetime] = []

    def watch(self: Any, bar: Any) -> None:
        moments.append(clock.get_current_time())
        if bar.time.time() == time(9, 31):
            begins.append((clock.get_current_time(), self.now))

    hooks["on_bar"] = watch
    hooks["on_session_end"] = lambda self: moments.append(self.now)
    system.start(config("2024-07-02", "2024-07-05"))
    assert system.wait(30)
    assert [(at_manager, own) for at_manager, own in begins] == [
        (
            datetime(2024, 7, day, 9, 30, tzinfo=NEW_YORK),
            datetime(2024, 7, day, 9, 31, tzinfo=NEW_YORK),
        )
        for day in (2, 3, 5)
    ]
    ends = [moment for moment in moments if moment.time() in (time(16), time(13))]
    assert [moment.strftime("%d %H:%M") for moment in ends] == ["02 16:00", "03 13:00", "05 16:00"]
    assert moments == sorted(moments)
    assert clock.get_current_time() == datetime(2024, 7, 5, 16, tzinfo=NEW_YORK)
    with pytest.raises(ConfigurationError, match="only forward"):
        clock.set_backtest_time(datetime(2024, 7, 5, 15, tzinfo=NEW_YORK))


def test_a_half_day_has_its_own_minutes(market: Installation, hooks: dict[str, Any]) -> None:
    closes: list[datetime] = []
    hooks["on_session_end"] = lambda self: closes.append(self.now)
    system = market.run(config("2024-07-03", "2024-07-03"))
    assert closes == [datetime(2024, 7, 3, 13, tzinfo=NEW_YORK)]
    assert system.record.bars == 210
    assert system.record.data_quality["AAA"] == {
        "quality_pct": 100.0,
        "expected_minutes": 210,
        "present_minutes": 210,
        "gaps": 0,
        "incomplete_sessions": 0,
        "suspect_bars": 0,
    }


@pytest.mark.parametrize(
    ("day", "open_utc"),
    [("2024-03-08", utc(2024, 3, 8, 14, 30)), ("2024-03-11", utc(2024, 3, 11, 13, 30))],
)
def test_both_sides_of_a_change_to_summer_time(
    day: str, open_utc: datetime, installation: Installation, hooks: dict[str, Any]
) -> None:
    """US clocks went forward on 10 March 2024: 09:30 was 14:30 UTC before, 13:30 after."""
    installation.store("AAA", minutes(date.fromisoformat(day)))
    seen: list[datetime] = []
    hooks["on_bar"] = lambda self, bar: seen.append(bar.time)
    system = installation.run(config(day, day))
    assert int(system.result.log.bars["AAA"].start_ns[0]) == utc_ns(open_utc)
    assert (seen[0].strftime("%H:%M"), seen[-1].strftime("%H:%M")) == ("09:31", "16:00")
    assert len(seen) == 390


# ── nothing later than now ───────────────────────────────────────────────────


def test_session_data_shows_nothing_later_than_what_was_decided(
    market: Installation, hooks: dict[str, Any]
) -> None:
    """All five days are read ahead at once; `get_bars` ends before the strategy's present."""
    system = market.system()
    shown: list[tuple[int, int, int]] = []

    def look(self: Any, bar: Any) -> None:
        data = system.get_session_data()
        for interval in ("1m", "1d"):
            ends = data.get_bars("AAA", interval).end_ns
            shown.append((self.now_ns, int(ends[-1]) if len(ends) else 0, len(ends)))

    hooks["on_bar"] = look
    system.start(config("2024-07-01", "2024-07-08"))
    assert system.wait(30)
    assert (system.state, system.reason) == ("STOPPED", None)
    assert len(shown) == 2 * (4 * 390 + 210)
    assert all(last <= now for now, last, _ in shown)
    everything = system.get_session_data()
    assert len(everything.get_bars("AAA")) == 4 * 390 + 210
    assert len(everything.get_bars("AAA", "1d")) == 5
    assert everything.get_quality("AAA") == 100.0


def test_data_manager_gives_nothing_later_than_the_present(
    market: Installation, hooks: dict[str, Any]
) -> None:
    """In a backtest its present is the backtest's: asked on 2 July, it knows no more."""
    system = market.system()
    seen: list[datetime] = []

    def look(self: Any, bar: Any) -> None:
        if bar.time.strftime("%d %H:%M") == "02 12:00":
            found = system.get_data_manager().get_bars("AAA", "1m", DAYS[0], DAYS[-1])
            seen.extend([found[0].timestamp, found[-1].end, self.now])

    hooks["on_bar"] = look
    system.start(config("2024-07-01", "2024-07-05"))
    assert system.wait(30)
    first, last, now = seen
    assert first == datetime(2024, 7, 1, 9, 30, tzinfo=NEW_YORK)
    assert last <= now


# ── extended hours ───────────────────────────────────────────────────────────


def extended(*, extended_hours: bool) -> dict[str, Any]:
    return session_config(
        *("AAPL", "TSLA"),
        first="2023-05-25",
        last="2023-05-26",
        strategies={"hooked": ("tests.session_strategies:Hooked", {})},
        extended_hours=extended_hours,
    )


def test_extended_hours_only_where_asked_for(
    installation: Installation, shared_data: Path, hooks: dict[str, Any]
) -> None:
    """Pre-market from 04:00, post-market to 20:00: 960 minutes a day instead of 390."""
    path = shared_data / "lwc" / "us_equity_1m_exthours_2023.csv.gz"
    installation.import_file(path)
    times: list[time] = []
    hooks["on_bar"] = lambda self, bar: times.append(bar.time.time())
    regular = installation.run(extended(extended_hours=False))
    assert (min(times), max(times)) == (time(9, 31), time(16))
    times.clear()
    whole = installation.run(extended(extended_hours=True))
    assert (min(times), max(times)) == (time(4, 1), time(20))
    for symbol in ("AAPL", "TSLA"):
        assert regular.record.data_quality[symbol]["expected_minutes"] == 2 * 390
        assert whole.record.data_quality[symbol]["expected_minutes"] == 2 * 960
        bars, all_bars = (len(run.result.log.bars[symbol]) for run in (regular, whole))
        assert (bars, all_bars) == count_rows(path, symbol)
    assert daily_volume(regular) < daily_volume(whole)


def count_rows(path: Path, symbol: str) -> tuple[int, int]:
    """Rows of 25 and 26 May between 09:30 and 16:00, and between 04:00 and 20:00."""
    regular = extended = 0
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            moment = datetime.fromisoformat(row["timestamp"]).astimezone(NEW_YORK)
            if row["symbol"] == symbol and moment.date() in (date(2023, 5, 25), date(2023, 5, 26)):
                regular += time(9, 30) <= moment.time() < time(16)
                extended += time(4) <= moment.time() < time(20)
    return regular, extended


def daily_volume(system: SystemManager) -> float:
    return float(system.get_session_data().get_bars("AAPL", "1d").volume.sum())
