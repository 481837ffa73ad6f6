"""A session config run under naive, realistic and pessimistic assumptions, leaving no record."""

from dataclasses import replace

from app.config.settings import Settings
from app.core.exceptions import ConfigurationError, StageFailedError, StrategyError
from app.managers.data_manager.streams import BarStreams
from app.managers.system_manager.conclusion import make_result
from app.managers.system_manager.session_plan import SessionPlan, plan_alone
from app.managers.system_manager.session_run import SessionRun
from app.managers.system_manager.wiring import Unwatched
from app.managers.system_manager.wording import ended_alone, explained
from app.models.session_config import SessionConfig
from app.research.honesty_report import HonestyReport, compare_assumptions
from app.services.analytics.result import RunResult
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.simulation.simulation import Terms


def session_honesty(config: SessionConfig, settings: Settings) -> HonestyReport:
    """Run the session of `config` on its own terms and on others.

    As fast as the machine can, whatever the config's speed. Nothing is recorded or written.

    Raises:
        ConfigurationError: for a config without strategies, or one that cannot be planned.
        StrategyError: for a strategy that raises: what is left does not compare.
        StageFailedError: for a run that fails.
    """
    storage = ParquetStorage(settings.bars_dir)
    plan = _plan(config, settings, storage)

    def run(terms: Terms) -> RunResult:
        return _run(replace(plan, terms=terms), storage)

    return compare_assumptions(run, plan.terms)


def _plan(config: SessionConfig, settings: Settings, storage: ParquetStorage) -> SessionPlan:
    if not config.strategies:
        raise ConfigurationError("strategies: there are none, so nothing is traded; give one")
    fast = config.require_replay().model_copy(update={"speed_multiplier": 0.0})
    config = config.model_copy(update={"backtest_config": fast})
    return plan_alone(config, settings, storage)


def _run(plan: SessionPlan, storage: ParquetStorage) -> RunResult:
    run = SessionRun(
        plan,
        storage=storage,
        time=Unwatched(),
        streams=BarStreams(),
        conclude=lambda _run: None,
    )
    run.start()
    run.wait()
    if run.control.failure:
        raise StageFailedError(explained(*run.control.failure))
    if run.simulation.stepper.failures:
        raise StrategyError("; ".join(map(ended_alone, run.simulation.stepper.failures)))
    if run.log is None:
        raise StageFailedError("the run ended without a log")
    return make_result(run, run.log)
