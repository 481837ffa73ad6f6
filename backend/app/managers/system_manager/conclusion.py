"""What a run leaves when it is over: the result, its files, and its row in the record."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import numpy as np

from app import __version__
from app.config.settings import Settings
from app.core.intervals import ONE_MINUTE
from app.core.run_log import RunLog
from app.core.run_record import RunRecord, RunStatus
from app.core.types import Floats
from app.managers.system_manager.session_run import SessionRun
from app.services.analytics.info import RunInfo
from app.services.analytics.result import RunResult
from app.services.market_data.bar_aggregation import session_rows
from app.services.market_data.parquet_storage import fingerprint
from app.services.reporting.files import finite


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
        columns=_derived_columns(run, log),
        quality_pct=_quality_columns(run, log),
    )
    return RunResult(log, info)


def write_files(result: RunResult, folder: Path, settings: Settings) -> Path:
    """Write the run's folder and the per-bar validation file; the path of the latter."""
    result.save(folder)
    return result.save_validation(settings.validation_dir / f"{result.name}.csv")


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
        strategies=[
            {
                "name": entry.name,
                "class": declared.class_,
                "symbols": list(entry.symbols),
                "parameters": dict(run.simulation.parameters[entry.name]),
            }
            for entry, declared in zip(plan.entries, plan.config.strategies, strict=True)
        ],
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


def _data_quality(run: SessionRun, log: RunLog) -> dict[str, dict[str, object]]:
    suspects = run.simulation.derivation.suspect_bars
    summary = run.quality.summary(run.plan.first_session + len(log.sessions))
    return {symbol: summary[symbol] | {"suspect_bars": suspects[symbol]} for symbol in summary}


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
