"""What a run came to when it is over: its result, and its row in the record."""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from app import __version__
from app.core.instants import utc
from app.core.intervals import ONE_MINUTE
from app.core.market_halts import MarketHalt
from app.core.quality_gate import REFUSAL
from app.core.run_log import RunLog
from app.core.run_record import RunRecord, RunStatus
from app.core.types import Floats
from app.managers.system_manager.played_run import PlayedRun
from app.managers.system_manager.wording import ended_alone, explained, in_words
from app.services.analytics.info import RunInfo
from app.services.analytics.result import RunResult
from app.services.market_data.bar_aggregation import session_rows
from app.services.market_data.parquet_storage import fingerprint
from app.services.reporting.files import finite


def make_result(run: PlayedRun, log: RunLog) -> RunResult:
    """The result of a run, with what was known beside its log."""
    return RunResult(log, make_info(run, log))


def make_info(run: PlayedRun, log: RunLog) -> RunInfo:
    """What was known beside the log of a run."""
    plan = run.plan
    return RunInfo(
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


def outcome(run: PlayedRun) -> tuple[RunStatus, str | None]:
    """How a run ended, and why it was not whole: cut short, entered late, a strategy ended."""
    if run.control.failure:
        return "failed", explained(*run.control.failure)
    notes = [ended_alone(failure) for failure in run.simulation.stepper.failures]
    if (entered_ns := run.simulation.stepper.entered_ns) is not None:
        zone = ZoneInfo(run.plan.sessions.timezone)
        notes.insert(0, f"entered at {utc(entered_ns).astimezone(zone):%H:%M}")
    if run.control.stopped_by_user:
        return "stopped", "; ".join([run.control.stop_reason, *notes])
    return "completed", "; ".join(notes) or None


def make_record(
    run: PlayedRun,
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
        started_at=utc(started_ns),
        finished_at=utc(finished_ns),
        first_session=dates[0] if dates else None,
        last_session=dates[-1] if dates else None,
        bars=sum(len(bars) for bars in log.bars.values()),
        sessions=len(dates),
        metrics=defined_metrics(result),
        data_quality=_plain(result.info.data_quality),
        data_fingerprint=result.info.data_fingerprint,
        code_version=__version__,
        order_hash=result.order_hash,
        folder=str(folder),
        synthetic=plan.synthetic,
    )


def defined_metrics(result: RunResult) -> dict[str, float | None]:
    """The account's figures; None for one that does not exist for this run."""
    return {key: _defined(value) for key, value in result.metrics.items()}


def _strategies(run: PlayedRun, result: RunResult) -> list[dict[str, object]]:
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


def _data_quality(run: PlayedRun, log: RunLog) -> dict[str, dict[str, object]]:
    derivation = run.simulation.derivation
    quality = {
        symbol: facts | {"suspect_bars": derivation.suspect_bars[symbol]}
        for symbol, facts in run.scores.summary(len(log.sessions)).items()
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
    if overdue := run.overdue_minutes:
        quality = {
            symbol: quality.get(symbol, {}) | {"overdue_minutes": overdue} for symbol in log.symbols
        }
    if named := [_spoken(halt, log.sessions.timezone) for halt in _halts(run, log)]:
        quality = {symbol: facts | {"halts": named} for symbol, facts in quality.items()}
    return quality


def _halts(run: PlayedRun, log: RunLog) -> list[MarketHalt]:
    """The market-wide halts in the sessions that were traded."""
    begins, ends = log.sessions.open_ns[:1], log.sessions.close_ns[-1:]
    return [h for h in run.plan.halts if (h.end_ns > begins).any() and (h.start_ns < ends).any()]


def _spoken(halt: MarketHalt, timezone: str) -> str:
    zone = ZoneInfo(timezone)
    start, end = (utc(ns).astimezone(zone) for ns in (halt.start_ns, halt.end_ns))
    return f"{start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S}: {halt.reason}"


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    plain = finite(dict(values))
    assert isinstance(plain, dict)  # noqa: S101  # `finite` keeps the shape
    return plain


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _data_fingerprint(run: PlayedRun) -> str:
    """SHA-256 over every symbol's bars, history included, in the config's order."""
    digest = sha256()
    for symbol in run.plan.symbols:
        bars = run.simulation.data.all_bars(symbol, ONE_MINUTE)
        digest.update(f"{symbol}\t{fingerprint(bars)}\n".encode())
    return digest.hexdigest()


def _derived_columns(run: PlayedRun, log: RunLog) -> dict[str, dict[str, Floats]]:
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


def _quality_columns(run: PlayedRun, log: RunLog) -> dict[str, Floats]:
    sessions = run.plan.sessions
    return {
        symbol: run.scores.percentages[symbol][session_rows(bars.start_ns, sessions)]
        for symbol, bars in log.bars.items()
    }
