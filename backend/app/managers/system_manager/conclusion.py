"""What a run leaves when it is over: the result, its files, and its row in the record."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.orm import Session

from app import __version__
from app.config.settings import Settings
from app.core.intervals import ONE_MINUTE
from app.core.market_halts import MarketHalt
from app.core.quality_gate import REFUSAL
from app.core.run_log import RunLog
from app.core.run_record import RunRecord, RunStatus
from app.core.trading_record import RunTrading, StrategyDefinition
from app.core.types import Floats
from app.managers.system_manager.session_run import SessionRun
from app.managers.system_manager.wording import in_words
from app.models.session_config import AssetClass
from app.repositories.run_repository import RunRepository
from app.repositories.run_trading_repository import RunTradingRepository
from app.services.analytics.info import RunInfo
from app.services.analytics.result import RunResult
from app.services.market_data.bar_aggregation import session_rows
from app.services.market_data.parquet_storage import fingerprint
from app.services.recording.outcome import Kept
from app.services.recording.run_trading import run_trading
from app.services.recording.signals import Seen
from app.services.reporting.files import finite, keep_beside

_PRICE_STEPS = {AssetClass.EQUITY: 0.0001, AssetClass.CRYPTO: 1e-8}
"""The finest step prices are recorded in: what trades in equities are reported in, and coins."""


def make_result(run: SessionRun, log: RunLog) -> RunResult:
    """The result of a run, with what was known beside its log."""
    plan = run.plan
    info = RunInfo(
        name=plan.config.session_name,
        parameters=run.simulation.parameters,
        config=plan.config.to_dict(),
        data_quality=_data_quality(run, log),
        data_fingerprint=_data_fingerprint(run),
        code_version=__version__,
        is_synthetic=plan.synthetic,
        ended={each.name: in_words(each.error) for each in run.simulation.stepper.failures},
        columns=_derived_columns(run, log),
        quality_pct=_quality_columns(run, log),
    )
    return RunResult(log, info)


def write_files(result: RunResult, folder: Path, settings: Settings) -> Path:
    """Write the run's folder and the per-bar validation file; the path of the latter.

    The next session of that name replaces the validation file; the folder keeps this one.
    """
    result.save(folder)
    path = result.save_validation(settings.validation_dir / f"{result.name}.csv")
    keep_beside(path, folder / "validation.csv")
    return path


def make_record(
    run: SessionRun,
    result: RunResult,
    *,
    run_id: UUID,
    status: RunStatus,
    reason: str | None,
    started_ns: int,
    finished_ns: int,
    folder: Path,
) -> RunRecord:
    """The row a run leaves in the database."""
    plan, log = run.plan, result.log
    dates = log.sessions.dates.tolist()
    return RunRecord(
        id=run_id,
        session_name=plan.config.session_name,
        mode=plan.config.mode.value,
        status=status,
        reason=reason,
        strategies=_strategies(run, result),
        symbols=list(plan.symbols),
        config=plan.config.to_dict(),
        started_at=_moment(started_ns),
        finished_at=_moment(finished_ns),
        first_session=dates[0] if dates else None,
        last_session=dates[-1] if dates else None,
        bars=sum(len(bars) for bars in log.bars.values()),
        sessions=len(dates),
        metrics={key: _defined(value) for key, value in result.metrics.items()},
        data_quality=_plain(result.info.data_quality),
        data_fingerprint=result.info.data_fingerprint,
        code_version=__version__,
        order_hash=result.order_hash,
        folder=str(folder),
        synthetic=plan.synthetic,
    )


def make_trading(run: SessionRun, result: RunResult) -> RunTrading:
    """What a run leaves in the record of trading."""
    plan, simulation = run.plan, run.simulation
    names = [entry.name for entry in plan.entries]
    return run_trading(
        result,
        strategies=[
            StrategyDefinition(
                name=declared.name,
                class_=declared.class_,
                parameters=simulation.parameters[declared.name],
                timeframe=str(simulation.parameters[declared.name]["interval"]),
            )
            for declared in plan.config.strategies
        ],
        ended=[
            (names.index(failure.name), failure.time_ns, in_words(failure.error))
            for failure in simulation.stepper.failures
        ],
        seen=[
            Seen(number, symbol, name, partial(source.as_of, simulation.data))
            for number, symbol, name, source in simulation.declared_indicators()
        ],
        kept=[
            Kept(source.key[0], str(source.key[1]), name, partial(source.as_of, simulation.data))
            for source, name in simulation.indicator_sources()
        ],
        price_step=_PRICE_STEPS[plan.config.asset_class],
    )


def keep(
    db: Session, record: RunRecord, trading: RunTrading, result: RunResult, settings: Settings
) -> Path:
    """Write a run into the database, and its files meanwhile; the path of the validation file.

    Both take about as long, and neither computes much. The caller commits.

    Raises:
        TradingError: if a file cannot be written.
    """
    with ThreadPoolExecutor(1, "Recorder") as recorder:
        recorded = recorder.submit(_write_rows, db, record, trading)
        path = write_files(result, Path(record.folder), settings)
        recorded.result()
    return path


def _write_rows(db: Session, record: RunRecord, trading: RunTrading) -> None:
    RunRepository(db).add(record)
    RunTradingRepository(db).add(record.id, trading, finished=record.finished_at)


def _strategies(run: SessionRun, result: RunResult) -> list[dict[str, object]]:
    """What each strategy was, when and why it was ended before its run, and what it came to."""
    plan = run.plan
    return [
        {
            "name": entry.name,
            "class": declared.class_,
            "symbols": list(entry.symbols),
            "parameters": dict(run.simulation.parameters[entry.name]),
            "ended": result.info.ended.get(entry.name),
            "ledger": _plain(result.strategy_ledgers[entry.name].to_dict()),
        }
        for entry, declared in zip(plan.entries, plan.config.strategies, strict=True)
    ]


def _data_quality(run: SessionRun, log: RunLog) -> dict[str, dict[str, object]]:
    derivation = run.simulation.derivation
    quality = {
        symbol: facts | {"suspect_bars": derivation.suspect_bars[symbol]}
        for symbol, facts in run.quality.summary(len(log.sessions)).items()
    }
    if derivation.gates:
        refused = Counter(
            log.symbols[order.symbol] for order in log.orders if order.reason.startswith(REFUSAL)
        )
        played = slice(run.plan.first_session, run.plan.first_session + len(log.sessions))
        for symbol, gate in derivation.gates.items():
            quality[symbol] = quality.get(symbol, {}) | {
                "blocked_entries": refused[symbol],
                "restricted_minutes": int(gate.restricted_minutes[played].sum()),
            }
    if named := [_spoken(halt, log.sessions.timezone) for halt in _halts(run, log)]:
        quality = {symbol: facts | {"halts": named} for symbol, facts in quality.items()}
    return quality


def _halts(run: SessionRun, log: RunLog) -> list[MarketHalt]:
    """The market-wide halts in the sessions that were traded."""
    begins, ends = log.sessions.open_ns[:1], log.sessions.close_ns[-1:]
    return [h for h in run.plan.halts if (h.end_ns > begins).any() and (h.start_ns < ends).any()]


def _spoken(halt: MarketHalt, timezone: str) -> str:
    zone = ZoneInfo(timezone)
    start, end = (_moment(ns).astimezone(zone) for ns in (halt.start_ns, halt.end_ns))
    return f"{start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S}: {halt.reason}"


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    plain = finite(dict(values))
    assert isinstance(plain, dict)  # noqa: S101  # `finite` keeps the shape
    return plain


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 1e9, UTC)


def _data_fingerprint(run: SessionRun) -> str:
    """SHA-256 over every symbol's bars, history included, in the config's order."""
    digest = sha256()
    for symbol in run.plan.symbols:
        bars = run.simulation.data.all_bars(symbol, ONE_MINUTE)
        digest.update(f"{symbol}\t{fingerprint(bars)}\n".encode())
    return digest.hexdigest()


def _derived_columns(run: SessionRun, log: RunLog) -> dict[str, dict[str, Floats]]:
    """Per symbol, derived closes and indicators as known at each minute bar's end."""
    data = run.simulation.data
    columns: dict[str, dict[str, Floats]] = {symbol: {} for symbol in log.symbols}
    for symbol, interval in data.series():
        if interval != ONE_MINUTE:
            bars = data.all_bars(symbol, interval)
            known = bars.end_ns.searchsorted(log.bars[symbol].end_ns, side="right")
            columns[symbol][f"{interval}.close"] = np.append(np.nan, bars.close)[known]
    for source, name in run.simulation.indicator_sources():
        symbol, interval = source.key
        columns[symbol][f"{interval}.{name}"] = source.as_of(data, log.bars[symbol].end_ns)
    return columns


def _quality_columns(run: SessionRun, log: RunLog) -> dict[str, Floats]:
    sessions = run.plan.sessions
    return {
        symbol: run.quality.percentages[symbol][session_rows(bars.start_ns, sessions)]
        for symbol, bars in log.bars.items()
    }
