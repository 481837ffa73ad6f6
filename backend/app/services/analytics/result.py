"""The result of a run: figures, tables and pictures, each made when it is first asked for."""

# polars takes about 0.3 s to import and a backtest needs none of it: the modules that load it
# are imported by the properties and methods that hand out tables or write files.
# ruff: noqa: PLC0415

from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeAlias

from app.core.run_log import RunLog
from app.services.analytics import display, report_view, statistics
from app.services.analytics.definitions import BY_KEY, METRICS, RETURN_METRICS
from app.services.analytics.display import Metrics
from app.services.analytics.equity import EquityCurve, account_curve, buy_and_hold
from app.services.analytics.fingerprint import order_hash
from app.services.analytics.info import RunInfo
from app.services.analytics.strategies import StrategyLedger, strategy_ledgers
from app.services.analytics.trades import TradeColumns, round_trips
from app.services.reporting import charts, html

Frame: TypeAlias = Any
"""A `polars.DataFrame`; to name it here would be to load it."""

_SYNTHETIC = "Synthetic data: prices from a seeded generator, not from a market."


class RunResult:
    """Everything a run came to.

    Figures are in `metrics`, `symbol_metrics` and `strategy_metrics` (`definitions.METRICS` says
    what each means; NaN where one is undefined), the money of each strategy in
    `strategy_ledgers`; `trades`, `orders`, `fills` and `equity` are polars frames
    with times as UTC datetimes. All are computed once, when first asked for; treat them as
    read-only.
    """

    def __init__(self, log: RunLog, info: RunInfo | None = None) -> None:
        self.log = log
        self.info = info or RunInfo()

    def compute(self) -> Self:
        """Work out the equity curve, the trades and every figure now instead of when asked."""
        _ = self.metrics, self.symbol_metrics, self.strategy_metrics
        return self

    @property
    def name(self) -> str:
        """Title of the run."""
        return self.info.name

    @property
    def is_synthetic(self) -> bool:
        """Whether the prices were generated."""
        return self.info.is_synthetic

    @cached_property
    def equity_curve(self) -> EquityCurve:
        """The account's equity at every minute bar's end, as arrays."""
        return account_curve(self.log)

    @cached_property
    def trade_columns(self) -> TradeColumns:
        """The round trips, as arrays."""
        return round_trips(self.log)

    @cached_property
    def metrics(self) -> Metrics:
        """Every figure of the account, by key."""
        return Metrics(statistics.account_figures(self.log, self.equity_curve, self.trade_columns))

    @cached_property
    def symbol_metrics(self) -> dict[str, Metrics]:
        """Every figure of each symbol: of the account as it would be with its fills alone."""
        if len(self.log.symbols) == 1:
            return {self.log.symbols[0]: Metrics(self.metrics)}
        table = statistics.symbol_figures(self.log, self.equity_curve, self.trade_columns)
        return {symbol: Metrics(figures) for symbol, figures in table.items()}

    @cached_property
    def strategy_metrics(self) -> dict[str, Metrics]:
        """Every figure of each strategy: of the account as it would be with its fills alone."""
        if len(self.log.strategies) == 1:
            return {self.log.strategies[0]: Metrics(self.metrics)}
        table = statistics.strategy_figures(self.log, self.equity_curve, self.trade_columns)
        return {strategy: Metrics(figures) for strategy, figures in table.items()}

    @cached_property
    def strategy_ledgers(self) -> dict[str, StrategyLedger]:
        """What each strategy did to the account; the parts add up to the account's."""
        return strategy_ledgers(self.log, self.equity_curve, self.trade_columns)

    @cached_property
    def benchmark_curve(self) -> EquityCurve:
        """What buying and holding the same symbols would have been worth, over the same bars."""
        return buy_and_hold(self.log, self.equity_curve.time_ns)

    @cached_property
    def benchmark_metrics(self) -> Metrics:
        """The figures of buying and holding that follow from its equity alone."""
        table = statistics.curve_figures([self.benchmark_curve], self.log.sessions)
        return Metrics({metric.key: float(table[metric.key][0]) for metric in RETURN_METRICS})

    @cached_property
    def order_hash(self) -> str:
        """Hash of all orders and fills: equal for equal runs, on any machine."""
        return order_hash(self.log)

    @cached_property
    def trades(self) -> Frame:
        """One row per round trip: prices, P&L, costs, excursions; open ones last."""
        from app.services.analytics import frames

        return frames.trades_frame(self.log, self.trade_columns)

    @cached_property
    def orders(self) -> Frame:
        """One row per order, with what became of it."""
        from app.services.analytics import frames

        return frames.orders_frame(self.log)

    @cached_property
    def fills(self) -> Frame:
        """One row per execution."""
        from app.services.analytics import frames

        return frames.fills_frame(self.log)

    @cached_property
    def equity(self) -> Frame:
        """One row per minute bar's end: cash, position value, exposure, equity, drawdown."""
        from app.services.analytics import frames

        return frames.equity_frame(self.equity_curve)

    @cached_property
    def strategy_equity(self) -> Frame:
        """One row per minute bar's end: what each strategy added to the starting cash by then."""
        from app.services.analytics import frames

        return frames.strategy_equity_frame(self.equity_curve, self.strategy_ledgers)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one HTML file that opens offline; written to `path` if one is given."""
        data = report_view.report_data(
            self.log,
            self.info,
            curve=self.equity_curve,
            benchmark=self.benchmark_curve,
            trades=self.trade_columns,
            metrics=self.metrics,
            benchmark_metrics=self.benchmark_metrics,
            symbol_metrics=self.symbol_metrics,
            strategy_metrics=self.strategy_metrics,
            strategy_ledgers=self.strategy_ledgers,
            order_hash=self.order_hash,
        )
        text = html.render(data)
        if path is not None:
            from app.services.reporting import files

            files.write_text(Path(path), text)
        return text

    def to_dict(self) -> dict[str, object]:
        """What ``metrics.json`` holds: figures, proofs and data quality; undefined ones are NaN."""
        info = self.info
        return {
            "name": info.name,
            "is_synthetic": info.is_synthetic,
            "symbols": list(self.log.symbols),
            "strategies": list(self.log.strategies),
            "sessions": len(self.log.sessions),
            "period": report_view.period(self.log),
            "starting_cash": self.log.starting_cash,
            "metrics": dict(self.metrics),
            "benchmark": dict(self.benchmark_metrics),
            "symbol_metrics": {name: dict(one) for name, one in self.symbol_metrics.items()},
            "strategy_metrics": {name: dict(one) for name, one in self.strategy_metrics.items()},
            "strategy_ledgers": {
                name: ledger.to_dict() for name, ledger in self.strategy_ledgers.items()
            },
            "ended": dict(info.ended),
            "data_quality": info.data_quality,
            "parameters": info.parameters,
            "order_hash": self.order_hash,
            "data_fingerprint": info.data_fingerprint,
            "code_version": info.code_version,
        }

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write the run's folder: report, tables as CSV and Parquet, figures and config as JSON.

        ``strategy_equity`` is among the tables where several strategies traded.
        Each file is replaced in one step. Returns the path of each by its name.

        Raises:
            TradingError: if the folder cannot be written to.
        """
        from app.services.reporting import files

        tables = {
            "trades": self.trades,
            "equity": self.equity,
            "fills": self.fills,
            "orders": self.orders,
        }
        if len(self.log.strategies) > 1:
            tables["strategy_equity"] = self.strategy_equity
        documents = {"metrics": self.to_dict(), "config": self.info.config}
        return files.write_run_folder(
            Path(folder), report=self.to_html(), frames=tables, documents=documents
        )

    def save_validation(self, path: str | Path) -> Path:
        """Write the per-bar CSV: prices, derived values, quality, position, cash and equity.

        Raises:
            TradingError: if it cannot be written.
        """
        from app.services.analytics import frames
        from app.services.reporting import files

        info = self.info
        frame = frames.validation_frame(self.log, self.equity_curve, info.columns, info.quality_pct)
        return files.write_csv(Path(path), frame)

    def __repr__(self) -> str:
        log = self.log
        times, zone = self.equity_curve.time_ns, log.sessions.timezone
        head = [("Run", self.name), ("Strategy", ", ".join(log.strategies))]
        head.append(("Symbols", _listing(log.symbols)))
        if len(times):
            head.append(("Start", report_view.market_time(int(times[0]), zone)))
            head.append(("End", report_view.market_time(int(times[-1]), zone)))
        head.append(("Sessions", f"{len(log.sessions):,}"))
        head.append(("Starting Cash", f"{log.starting_cash:,.2f}"))
        notice = "".join(f"{line}\n" for line in self._notices())
        figures = display.figure_rows(self.metrics, self.benchmark_metrics)
        return notice + display.text_table(head, figures)

    def _notices(self) -> list[str]:
        """What has to be known before any figure is read."""
        ended = [f"Strategy {name} was ended: {why}" for name, why in self.info.ended.items()]
        return [_SYNTHETIC, *ended] if self.is_synthetic else ended

    def _repr_html_(self) -> str:
        picture = charts.sparkline(self.equity_curve.equity, label="Equity over time")
        return display.html_table(
            f"{self.name}: {report_view.subtitle(self.log)}",
            " ".join(self._notices()),
            picture,
            display.figure_rows(self.metrics, self.benchmark_metrics),
        )


def _listing(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


__all__ = ["BY_KEY", "METRICS", "Metrics", "RunInfo", "RunResult"]
