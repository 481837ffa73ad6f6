"""Paper sessions: the same strategies and exchange on bars that come in while they run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from app.api.routes.market_data import latest
from app.core.corporate_actions import ActionKind, CorporateAction
from app.core.data_structures import BarColumns
from app.core.enums import SystemState
from app.core.exceptions import ConfigurationError, InsufficientDataError, WrongStateError
from app.core.run_record import RunRecord
from app.core.types import MINUTE_NS
from app.managers.data_manager.markets import Markets
from app.managers.system_manager import SystemManager
from app.managers.time_manager.clock import FixedClock
from app.models.trading_record import AccountRow
from app.services.market_data.corporate_actions import ActionStorage
from app.threads import live_itinerary
from tests.system_fixtures import PATIENCE_S, Installation, minutes, session_config, until

DAYS = [date(2024, 3, day) for day in (4, 5)]
YESTERDAY, TODAY = DAYS
OPEN = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
OPEN_NS = round(OPEN.timestamp()) * 1_000_000_000
RETRIES = {"max_retries": 3, "retry_interval_seconds": 5.0}
Market = Mapping[str, BarColumns]
Strategies = Mapping[str, tuple[str, Mapping[str, Any]]]


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests move the clock by hand and wait for each move to be seen."""
    monkeypatch.setattr(live_itinerary, "_LOOK_EVERY_S", 0.002)


class Live:
    """A paper session on a clock that is moved by hand, and the market it is on."""

    def __init__(self, installation: Installation, market: Market) -> None:
        self.installation = installation
        self.market = market
        self.clock = FixedClock(OPEN - timedelta(minutes=1))
        self.system = SystemManager(installation.settings, clock=self.clock)
        installation.systems.append(self.system)

    def start(self, config: Mapping[str, Any], *, at_minute: float = -1) -> None:
        """Start, so many minutes after the open."""
        self.clock.set(OPEN + timedelta(minutes=at_minute))
        self.system.start(dict(config))

    def arrive(self, symbol: str, first: int, last: int) -> None:
        """The bars of the minutes from `first` to `last`, excluded, are stored."""
        bars = self.market[symbol]
        own = bars.between(OPEN_NS + first * MINUTE_NS, OPEN_NS + last * MINUTE_NS)
        if len(own):
            self.installation.store(symbol, own)

    def go_to(self, minute: int, seconds: float = 0.0) -> None:
        """It is that many minutes and seconds after the open."""
        self.clock.set(OPEN + timedelta(minutes=minute, seconds=seconds))

    def played_until(self, minute: int) -> None:
        """Wait until the session has been played so far."""
        until(lambda: _played_ns(self.system) >= OPEN_NS + minute * MINUTE_NS)

    def leap(self, first: int, last: int) -> None:
        """The bars of those minutes are there; a second after the last one, all are played."""
        for symbol in self.market:
            self.arrive(symbol, first, last)
        self.go_to(last, 1)
        self.played_until(last)

    def play(self, random: Random, *, begin: int = 0) -> RunRecord:
        """Play the day, some minutes at a time; their bars come in any order, until 14 s after."""
        minute = begin
        while minute < 390:
            last = min(390, minute + random.choice((1, 1, 2, 7, 60)))
            for symbol in random.sample(list(self.market), len(self.market)):
                self.arrive(symbol, minute, last - 1)
            for symbol in random.sample(list(self.market), len(self.market)):
                self.go_to(last, random.uniform(-5, 14))
                self.arrive(symbol, last - 1, last)
            self.go_to(last, 15)
            self.played_until(last)
            minute = last
        assert self.system.wait(PATIENCE_S), self.system.status()
        return self.record()

    def record(self) -> RunRecord:
        record = self.system.record
        assert record is not None, self.system.reason
        return record


def _played_ns(system: SystemManager) -> int:
    """How far the session has been played; its open, or what lies before it, until it begins."""
    data = system.get_session_data()
    assert data is not None
    return data.visible_ns


def _progress_ns(system: SystemManager) -> int:
    """How far whoever looks at the system is told that it has been played."""
    progress = system.status().progress
    return progress.now_ns if progress else 0


def paper(config: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The same session on paper."""
    kept = {name: value for name, value in config.items() if name != "backtest_config"}
    return kept | {"mode": "paper"} | more


def wandering(seed: int, holes: Mapping[int, int]) -> BarColumns:
    """Two days of a random walk; `holes` says which minutes begin one, and how long it is.

    The minutes of the two days are counted on: 390 is the first of the second.
    """
    steps = np.random.default_rng(seed).normal(0.0, 0.05, 780).cumsum()
    bars = minutes(
        *DAYS, close=lambda day, minute: round(100 + float(steps[390 * day + minute]), 2)
    )
    missing = [first + more for first, count in holes.items() for more in range(count)]
    return bars.take(np.setdiff1d(np.arange(780), missing))


CROSS: Strategies = {"cross": ("sma_cross", {"fast": 3, "slow": 8})}
WAKES: Strategies = {"wakes": ("tests.session_strategies:Wakes", {})}
HOOKED: Strategies = {"hooked": ("tests.session_strategies:Hooked", {})}


def config_of(*symbols: str, strategies: Strategies = CROSS, **data: Any) -> dict[str, Any]:
    """A backtest of the second day, after a day of history."""
    return session_config(
        *symbols,
        first=TODAY.isoformat(),
        last=TODAY.isoformat(),
        strategies=strategies,
        historical={"data": [{"intervals": ["5m", "1d"], "trailing_days": 1}]},
        gap_filler=RETRIES,
        **data,
    )


@pytest.fixture
def market(installation: Installation) -> Market:
    """Two symbols with holes, of which yesterday is stored; that of BBB is whole."""
    both = {
        "AAA": wandering(1, {200: 5, 390 + 20: 1, 390 + 100: 4, 390 + 300: 12}),
        "BBB": wandering(2, {390: 1, 390 + 150: 3, 390 + 250: 7, 390 + 389: 1}),
    }
    for symbol, bars in both.items():
        installation.store(symbol, bars.between(0, OPEN_NS))
    return {symbol: bars.between(OPEN_NS, 2**62) for symbol, bars in both.items()}


def without_overdue(record: RunRecord) -> dict[str, dict[str, object]]:
    """The quality of the data, but for how often these tests leap over more than a minute."""
    return {
        symbol: {name: fact for name, fact in facts.items() if name != "overdue_minutes"}
        for symbol, facts in record.data_quality.items()
    }


# ── the same as a backtest ───────────────────────────────────────────────────


@pytest.mark.parametrize("action", ["block_entries", "exits_only", "skip_symbol"])
def test_a_paper_session_decides_what_a_backtest_of_the_day_does(
    installation: Installation, market: Market, action: str
) -> None:
    """Orders, fills and the gate's decisions, whenever the bars came, as long as in time."""
    gate = {"min_quality_pct": 96, "max_gap_minutes": 3, "action": action}
    config = config_of("AAA", "BBB", quality_gate=gate)
    live = Live(installation, market)
    live.start(paper(config))
    on_paper = live.play(Random(action))  # noqa: S311  # nothing is kept secret by it
    replayed = installation.run(config).record
    assert replayed is not None
    assert (on_paper.mode, on_paper.status) == ("paper", "completed")
    assert on_paper.order_hash == replayed.order_hash
    assert without_overdue(on_paper) == replayed.data_quality
    assert on_paper.metrics == replayed.metrics
    assert on_paper.data_fingerprint == replayed.data_fingerprint
    assert (on_paper.bars, on_paper.sessions) == (replayed.bars, replayed.sessions)
    assert all(quality["restricted_minutes"] for quality in on_paper.data_quality.values())
    assert live.system.result is not None
    assert len(live.system.result.log.fills) > 10, "there was something to decide"


# ── what comes too late, or was there before ─────────────────────────────────


@pytest.mark.parametrize("scored", [True, False])
def test_a_bar_that_comes_too_late_is_counted_and_not_traded_on(
    installation: Installation, market: Market, *, scored: bool
) -> None:
    """It is missing as long as the session lasts; in the store it is, and in a backtest."""
    live = Live(installation, {"BBB": market["BBB"]})
    config = config_of("BBB")
    config["session_data_config"]["gap_filler"] = RETRIES | {"enable_session_quality": scored}
    live.start(paper(config))
    live.arrive("BBB", 0, 10)
    live.arrive("BBB", 12, 13)
    live.go_to(13, 1)  # of minutes 10 and 11 nothing has come
    live.played_until(13)
    live.arrive("BBB", 10, 12)
    record = live.play(Random(0), begin=13)  # noqa: S311  # nothing is kept secret by it
    replayed = installation.run(config).record
    assert replayed is not None
    assert record.data_quality["BBB"]["late_bars"] == 2
    assert record.bars == len(market["BBB"]) - 2 == replayed.bars - 2
    if not scored:
        return
    assert record.data_quality["BBB"]["present_minutes"] == len(market["BBB"]) - 2
    assert replayed.data_quality["BBB"]["present_minutes"] == len(market["BBB"])
    assert "late_bars" not in replayed.data_quality["BBB"]


def test_minutes_that_were_slept_through_are_counted(
    installation: Installation, market: Market
) -> None:
    """The clock leaps to the tenth minute, then to the hundredth: the last two each are in time."""
    live = Live(installation, market)
    live.start(paper(config_of("AAA", "BBB")))
    live.leap(0, 10)
    live.leap(10, 100)
    live.system.stop()
    assert live.system.wait(PATIENCE_S)
    overdue = [facts["overdue_minutes"] for facts in live.record().data_quality.values()]
    assert overdue == [8 + 88, 8 + 88]


def test_a_bar_that_changes_later_is_counted(installation: Installation, market: Market) -> None:
    live = Live(installation, {"BBB": market["BBB"]})
    live.start(paper(config_of("BBB")))
    forming = market["BBB"].between(OPEN_NS + 4 * MINUTE_NS, OPEN_NS + 5 * MINUTE_NS)
    installation.store("BBB", replace(forming, volume=forming.volume / 2))
    live.arrive("BBB", 0, 4)
    live.go_to(5, 1)
    live.played_until(5)
    live.arrive("BBB", 4, 5)
    record = live.play(Random(0), begin=5)  # noqa: S311  # nothing is kept secret by it
    assert record.data_quality["BBB"]["changed_bars"] == 1


def test_a_feed_that_dies_and_one_that_lives_are_told(
    installation: Installation, market: Market
) -> None:
    live = Live(installation, {"BBB": market["BBB"]})
    live.start(paper(config_of("BBB")))

    def notice() -> str | None:
        return live.system.status().notice

    assert notice() == "waits for bars to trade on; the session opens at 2024-03-05 09:30"
    live.arrive("BBB", 0, 10)
    live.go_to(10, 1)
    live.played_until(10)
    until(lambda: notice() is None)
    live.go_to(13)
    until(lambda: notice() == "no bar since 2024-03-05 09:40")


def test_a_session_that_is_on_is_entered_where_it_is(
    installation: Installation, market: Market, hooks: dict[str, object]
) -> None:
    """What has passed of it is known to strategies and to the gate, and is not traded."""
    seen: list[int] = []
    sent: list[Any] = []

    def on_bar(strategy: Any, bar: Any) -> None:
        if not seen:
            assert len(strategy.daily) == 1
        seen.append((round(bar.time.timestamp()) * 1_000_000_000 - OPEN_NS) // MINUTE_NS)
        sent.append(strategy.buy(1))

    hooks["on_bar"] = on_bar
    gate = {"min_quality_pct": 0, "max_gap_minutes": 3, "action": "exits_only"}
    config = config_of("AAA", strategies=HOOKED, quality_gate=gate)
    live = Live(installation, {"AAA": market["AAA"]})
    live.arrive("AAA", 0, 119)
    live.start(paper(config), at_minute=120)  # the hole of four minutes was from 100 to 104
    live.arrive("AAA", 119, 120)
    live.play(Random(0), begin=120)  # noqa: S311  # nothing is kept secret by it
    assert seen[0] == 121
    assert {order.reason for order in sent} == {"data quality: entries are refused"}
    result = live.system.result
    assert result is not None
    assert result.log.bars["AAA"].start_ns[0] == OPEN_NS + 120 * MINUTE_NS
    assert live.record().reason == "entered at 11:30"


def test_before_it_has_begun_it_shows_its_history_and_the_store_the_latest_price(
    installation: Installation,
) -> None:
    """A whole day that lies in the store already is not told before its time either."""
    both = minutes(*DAYS, close=lambda day, minute: 50.0 + 10 * day + minute / 100)
    installation.store("BBB", both.slice(0, 390))
    live = Live(installation, {"BBB": both})
    live.start(paper(config_of("BBB")))
    markets = Markets(installation.storage, open_database=installation.database, clock=live.clock)
    platform: Any = SimpleNamespace(system=live.system, markets=markets)

    def told() -> tuple[str, float]:
        found = latest(platform, "BBB")
        return found.source, found.price

    assert told() == ("store", pytest.approx(53.89))  # yesterday's 390th close
    live.arrive("BBB", 0, 390)
    assert told() == ("store", pytest.approx(53.89))
    data = live.system.get_session_data()
    assert data is not None
    assert data.visible_ns == OPEN_NS
    assert len(data.get_bars("BBB")) == 0
    live.go_to(1, 1)
    live.played_until(1)
    assert told() == ("session", 60.0)  # today's first close


def test_the_gate_that_was_shut_by_what_was_missed_opens_again(
    installation: Installation, market: Market, hooks: dict[str, object]
) -> None:
    became: dict[int, Any] = {}

    def on_bar(strategy: Any, bar: Any) -> None:
        minute = (round(bar.time.timestamp()) * 1_000_000_000 - OPEN_NS) // MINUTE_NS
        became[minute] = strategy.buy(1)

    hooks["on_bar"] = on_bar
    gate = {"min_quality_pct": 96, "max_gap_minutes": 390, "action": "block_entries"}
    config = config_of("AAA", strategies=HOOKED, quality_gate=gate)
    live = Live(installation, {"AAA": market["AAA"]})
    live.arrive("AAA", 0, 105)
    live.start(paper(config), at_minute=105)
    live.play(Random(0), begin=105)  # noqa: S311  # nothing is kept secret by it
    # Of n minutes n - 5 are there: 96 % again when 125 are over.
    assert became[106].reason == became[124].reason == "data quality: entries are refused"
    assert became[125].filled_quantity == 1


def rising_from(minute: int, close: float = 100.0) -> BarColumns:
    """The second day: a hundredth less each minute, and from one on a hundredth more."""

    def walk(_day: int, at: int) -> float:
        return close + (at - minute if at >= minute else minute - at) / 100

    return minutes(TODAY, close=walk)


def test_a_crossing_of_the_first_bar_that_is_traded_wakes(installation: Installation) -> None:
    """The one before it was missed, and is known."""
    installation.store("AAA", minutes(YESTERDAY))
    live = Live(installation, {"AAA": rising_from(120)})
    live.arrive("AAA", 0, 121)
    live.start(paper(config_of("AAA", strategies=WAKES)), at_minute=121)
    live.play(Random(0), begin=121)  # noqa: S311  # nothing is kept secret by it
    result = live.system.result
    assert result is not None
    assert [order.submitted_ns for order in result.log.orders] == [OPEN_NS + 122 * MINUTE_NS]


def test_a_split_of_the_day_is_not_taken_out_of_what_was_missed(
    installation: Installation, hooks: dict[str, object]
) -> None:
    """Two for one before the open: the bars that were missed are in new shares already."""
    installation.store("AAA", minutes(YESTERDAY, close=lambda *_: 200.0))
    split = CorporateAction(symbol="AAA", ex_date=TODAY, kind=ActionKind.SPLIT, value=2.0)
    ActionStorage(installation.storage.root).write("AAA", [split])
    sent: list[Any] = []
    hooks["on_start"] = lambda strategy: sent.append(strategy.sell(1, trail_pct=10.0))
    live = Live(installation, {"AAA": minutes(TODAY, close=lambda *_: 100.0)})
    live.arrive("AAA", 0, 120)
    live.start(paper(config_of("AAA", strategies=HOOKED)), at_minute=120)
    live.arrive("AAA", 120, 121)
    live.go_to(121, 1)
    live.played_until(121)
    assert [order.stop_price for order in sent] == [90.0]


# ── which session, and what it can be told ───────────────────────────────────


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        (datetime(2024, 3, 5, 12, tzinfo=UTC), TODAY),
        (datetime(2024, 3, 5, 20, 59, 59, tzinfo=UTC), TODAY),
        (datetime(2024, 3, 5, 21, tzinfo=UTC), date(2024, 3, 6)),
        (datetime(2024, 3, 8, 22, tzinfo=UTC), date(2024, 3, 11)),
    ],
)
def test_it_plays_the_session_that_is_on_or_the_next_one(
    installation: Installation, market: Market, moment: datetime, session: date
) -> None:
    live = Live(installation, market)
    live.clock.set(moment)
    live.system.start(paper(config_of("AAA")))
    run = live.system._run
    assert run is not None
    assert run.plan.sessions.dates[1:].tolist() == [session]
    assert live.system.get_time_manager().get_current_time("UTC") == moment
    live.system.stop()
    assert live.system.wait(PATIENCE_S)


def test_it_is_stopped_where_it_is_and_recorded_as_what_it_was(
    installation: Installation, market: Market
) -> None:
    live = Live(installation, market)
    live.start(paper(config_of("AAA", "BBB")))
    live.leap(0, 60)
    assert live.system.state is SystemState.RUNNING
    assert live.system.status().speed == 1.0
    until(lambda: _progress_ns(live.system) == OPEN_NS + 60 * MINUTE_NS)
    live.system.stop()
    assert live.system.wait(PATIENCE_S)
    record = live.record()
    assert (record.status, record.mode) == ("stopped", "paper")
    assert record.bars == sum(
        len(bars.between(OPEN_NS, OPEN_NS + 60 * MINUTE_NS)) for bars in market.values()
    )
    assert record.data_quality["BBB"]["expected_minutes"] == 60
    with installation.database() as db:
        (account,) = db.scalars(select(AccountRow)).all()
    assert (account.mode, account.run_id) == ("paper", record.id)


STEERING: dict[str, Callable[[SystemManager], None]] = {
    "pause": SystemManager.pause,
    "resume": SystemManager.resume,
    "step": SystemManager.step,
    "speed": lambda system: system.set_speed(60.0),
}


@pytest.mark.parametrize("action", STEERING)
def test_its_time_is_the_markets(installation: Installation, market: Market, action: str) -> None:
    live = Live(installation, market)
    live.start(paper(config_of("AAA")))
    with pytest.raises(WrongStateError, match=f"{action}: a paper session goes by the market"):
        STEERING[action](live.system)
    assert live.system.state is SystemState.RUNNING


def test_it_cannot_begin_paused(installation: Installation, market: Market) -> None:
    live = Live(installation, market)
    with pytest.raises(WrongStateError, match="start paused: a paper session"):
        live.system.start(paper(config_of("AAA")), paused=True)
    assert live.system.state is SystemState.STOPPED


def test_it_is_no_backtest_for_the_queue_or_a_comparison(
    installation: Installation, market: Market
) -> None:
    config = paper(config_of("AAA"))
    system = Live(installation, market).system
    sentence = 'mode: "paper" plays the session that is on, and a backtest is wanted'
    with pytest.raises(ConfigurationError, match=sentence):
        system.get_run_queue().submit(config)
    with pytest.raises(ConfigurationError, match=sentence):
        system.honesty(config)


def test_a_symbol_nobody_stores_bars_of_is_refused(
    installation: Installation, market: Market
) -> None:
    live = Live(installation, market)
    with pytest.raises(InsufficientDataError, match=r"symbols\[0\]: no minute bars of 'CCC'"):
        live.start(paper(config_of("CCC")))
