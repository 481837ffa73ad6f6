"""A shipped strategy on made-up bars, with costs: `python examples/first_backtest.py`."""

import tempfile
from pathlib import Path

from app.core.costs import PerShare, TickSlippage
from app.research import run_backtest
from app.strategies.sma_cross import SmaCross
from sample_bars import sample_bars

result = run_backtest(
    SmaCross,
    sample_bars("ALPHA"),
    parameters={"fast": 10, "slow": 30, "interval": "5m"},
    commission=PerShare(0.005, minimum=1.0),
    slippage=TickSlippage(1, tick_size=0.01),
    name="SMA cross on made-up bars",
)

print(result)
print(result.trades.select("entry_time", "entry_price", "exit_price", "net_pnl").head())

report = Path(tempfile.gettempdir()) / "first_backtest.html"
result.to_html(report)
print(f"\nreport: {report}")
