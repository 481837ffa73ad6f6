"""Names of channels."""

from uuid import UUID

import pytest

from app.core.exceptions import ConfigurationError
from app.core.intervals import Interval
from app.monitoring.channels import FORMS, Channel, Kind, run_channel

RUN = "7d4d4a0c-0f3c-4c4e-8f44-0a8d5c3d2b11"


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("orders", "orders"),
        ("bars:AAPL:1m", "bars:AAPL:1m"),
        ("bars:BTC/USD:60m", "bars:BTC/USD:1h"),
        ("bars:X:Y:5m", "bars:X:Y:5m"),
        (f"runs:{RUN.upper()}", f"runs:{RUN}"),
        (run_channel(UUID(RUN)), f"runs:{RUN}"),
    ],
)
def test_a_channel_has_one_name(asked: str, name: str) -> None:
    assert Channel.parse(asked).name == name


def test_a_channel_of_bars_knows_its_series() -> None:
    channel = Channel.parse("bars:AAPL:15m")
    assert (channel.kind, channel.series) == (Kind.BARS, ("AAPL", Interval(minutes=15)))


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "trades",
        "orders:",
        "orders:AAPL",
        "bars",
        "bars:AAPL",
        "bars::1m",
        "bars:AAPL:1y",
        "bars: AAPL:1m",
        "runs",
        "runs:1",
        "runs:latest",
        "session:1",
        "ORDERS",
    ],
)
def test_what_is_no_channel_is_refused(asked: str) -> None:
    with pytest.raises(ConfigurationError):
        Channel.parse(asked)


def test_the_refusal_lists_the_channels() -> None:
    with pytest.raises(ConfigurationError, match="there is no channel 'trades'") as refused:
        Channel.parse("trades")
    assert all(form in str(refused.value) for form in FORMS)
