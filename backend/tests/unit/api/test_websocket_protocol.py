"""What the WebSocket understands and says, without a socket."""

import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.schemas.errors import ErrorBody, ErrorCode
from app.api.websocket import protocol
from app.api.websocket.limits import Allowance
from app.api.websocket.payloads import join
from app.api.websocket.protocol import ProtocolError, offered_credential, parse, parse_channels
from app.core.data_structures import BarColumns
from app.core.enums import OrderType, Side, TimeInForce
from app.core.orders import Order
from app.core.users import Role
from app.monitoring.channels import Channel, Kind
from app.monitoring.values import BarsClosed, OrdersChanged, OrderState, utc_text

MOST = 1_024
SAID = "something-said"
JULY_1_NS = 1_719_840_600_000_000_000  # 2024-07-01 13:30 UTC, by date -d @1719840600


def read(**action: Any) -> protocol.Action:
    return parse(json.dumps(action), most_bytes=MOST)


def refusal(text: str | bytes) -> ErrorBody:
    with pytest.raises(ProtocolError) as refused:
        parse(text, most_bytes=MOST)
    return refused.value.body


# ── actions ──────────────────────────────────────────────────────────────────


def test_every_action_is_read() -> None:
    assert read(action="auth", token=SAID) == protocol.Auth(token=SAID)
    assert read(action="auth", api_key="k") == protocol.Auth(api_key="k")
    assert read(action="subscribe", channels=["orders"]).channels == ["orders"]
    assert read(action="unsubscribe", channels=["orders"]).channels == ["orders"]
    assert isinstance(read(action="ping"), protocol.Ping)
    assert isinstance(read(action="pong"), protocol.Pong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"ping"',
        "1e400",
        "{}",
        '{"action": 1}',
        '{"action": "buy"}',
        '{"action": "subscribe"}',
        '{"action": "subscribe", "channels": "orders"}',
        '{"action": "subscribe", "channels": []}',
        '{"action": "subscribe", "channels": [1]}',
        '{"action": "auth"}',
        '{"action": "auth", "token": "a", "api_key": "b"}',
        '{"action": "auth", "token": ""}',
        '{"action": "ping", "more": 1}',
        b"\xff\xfe",
        "[" * 900,
    ],
)
def test_what_is_no_action_is_refused(text: str | bytes) -> None:
    assert refusal(text).code == ErrorCode.VALIDATION_ERROR


def test_a_large_message_is_refused_unread() -> None:
    body = refusal("{" + "é" * MOST)
    assert body.code == ErrorCode.PAYLOAD_TOO_LARGE
    assert body.message == f"a message has at most {MOST} bytes; yours {2 * MOST + 1}"


def test_a_refusal_does_not_repeat_a_secret() -> None:
    text = json.dumps({"action": "auth", "token": ["my-secret"], "api_key": 5})
    assert "my-secret" not in refusal(text).model_dump_json()
    assert SAID not in repr(protocol.Auth(token=SAID))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
ACTIONS = st.fixed_dictionaries(
    {"action": st.sampled_from(["auth", "subscribe", "unsubscribe", "ping", "pong"]) | JSON},
    optional={"channels": st.lists(st.text(max_size=30)) | JSON, "token": JSON, "api_key": JSON},
)
MESSAGES = st.one_of(
    ACTIONS.map(json.dumps), JSON.map(json.dumps), st.text(max_size=60), st.binary(max_size=60)
)


@settings(max_examples=500, deadline=None)
@given(MESSAGES)
@example('{"action": "subscribe", "channels": ["bars::"]}')
@example("\ud800")
def test_whatever_is_said_is_an_action_or_an_error_in_the_one_form(text: str | bytes) -> None:
    require_an_action_or_an_error(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0))
def test_ten_thousand_damaged_messages_are_actions_or_errors(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # chance, not secrecy
    for _ in range(100):
        said = bytearray(draw.choice(SOUND))
        for _ in range(draw.randrange(6)):
            place = draw.randrange(len(said))
            said[place : place + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
        require_an_action_or_an_error(bytes(said))


SOUND = [
    json.dumps(action).encode()
    for action in (
        {"action": "auth", "token": SAID},
        {"action": "subscribe", "channels": ["bars:AAPL:1m", "orders"]},
        {"action": "unsubscribe", "channels": ["runs:7d4d4a0c-0f3c-4c4e-8f44-0a8d5c3d2b11"]},
        {"action": "ping"},
    )
]


def require_an_action_or_an_error(text: str | bytes) -> None:
    try:
        action = parse(text, most_bytes=MOST)
        if isinstance(action, protocol.Subscribe | protocol.Unsubscribe):
            parse_channels(action.channels, Role.VIEWER)
    except ProtocolError as refused:
        said = json.loads(
            protocol.message("error", seq=1, now_ns=0, payload=protocol.error_payload(refused.body))
        )
        assert set(said) == {"type", "seq", "ts", "payload"}
        assert said["payload"]["error"]["code"] in set(ErrorCode)
        assert said["payload"]["error"]["message"]


# ── who, and which channels ──────────────────────────────────────────────────


def test_a_credential_may_be_offered_as_a_subprotocol() -> None:
    assert offered_credential(["mismartera", f"bearer.{SAID}"]) == protocol.Auth(token=SAID)
    assert offered_credential(["key.mm_1"]) == protocol.Auth(api_key="mm_1")
    assert offered_credential(["mismartera", "bearer.", "bearerx", "graphql"]) is None
    assert offered_credential(["bearer." + "a" * 5_000]) is None


def test_every_unknown_channel_is_named() -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_channels(["orders", "trades", "bars:AAPL:1y"], Role.VIEWER)
    details = refused.value.body.details
    assert details is not None
    assert [each.field for each in details] == ["channels.1", "channels.2"]


def test_a_message_names_at_most_64_channels() -> None:
    for action in ("subscribe", "unsubscribe"):
        assert len(read(action=action, channels=["a"] * 64).channels) == 64
        body = refusal(json.dumps({"action": action, "channels": ["a"] * 65}))
        assert body.code == ErrorCode.VALIDATION_ERROR


@pytest.mark.parametrize("letter", ["x", "\U000e0fff", '"'])
def test_a_refusal_is_no_larger_than_what_it_refuses_may_be(letter: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_channels([letter * 128] * 64, Role.VIEWER)
    assert refused.value.body.details is not None
    assert len(refused.value.body.details) == 16
    told = protocol.error_payload(refused.value.body)
    assert len(protocol.message("error", seq=1, now_ns=0, payload=told)) < 16 * 1_024


@pytest.mark.parametrize(
    "said", [{"action": "ping", "k" * 9_000: 1}, {"action": "v" * 9_000}, {"k" * 9_000: 1}]
)
def test_a_refusal_does_not_repeat_what_is_long(said: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse(json.dumps(said), most_bytes=16 * 1_024)
    assert len(refused.value.body.model_dump_json()) < 2_048


def test_every_kind_of_channel_has_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(protocol.CHANNEL_ACCESS) == set(Kind)
    monkeypatch.setattr(protocol, "CHANNEL_ACCESS", dict.fromkeys(Kind, Role.TRADER))
    with pytest.raises(ProtocolError, match="needs the role trader; yours is viewer"):
        parse_channels(["orders"], Role.VIEWER)
    assert parse_channels(["orders"], Role.ADMIN)[0].name == "orders"


# ── what is said ─────────────────────────────────────────────────────────────


def test_a_message_has_its_four_parts_and_the_channel() -> None:
    text = protocol.message(
        "orders", seq=7, now_ns=JULY_1_NS, payload={"x": float("nan")}, channel="orders"
    )
    assert json.loads(text) == {
        "type": "orders",
        "channel": "orders",
        "seq": 7,
        "ts": "2024-07-01T13:30:00.000Z",
        "payload": {"x": None},
    }


def minutes(first: int, count: int) -> BarColumns:
    starts = JULY_1_NS + 60_000_000_000 * np.arange(first, first + count)
    prices = 100.0 + np.arange(first, first + count)
    return BarColumns.of_minutes(starts, prices, prices + 1, prices - 1, prices + 0.5, prices * 10)


BARS = Channel.parse("bars:AAPL:1m")


def test_bars_are_joined_as_columns() -> None:
    ((payload, left_out),) = join(BARS, closed(minutes(0, 2), minutes(2, 1)), most_rows=10)
    assert left_out == 0
    assert payload == {
        "symbol": "AAPL",
        "interval": "1m",
        "start_ms": [1719840600000, 1719840660000, 1719840720000],
        "end_ms": [1719840660000, 1719840720000, 1719840780000],
        "open": [100.0, 101.0, 102.0],
        "high": [101.0, 102.0, 103.0],
        "low": [99.0, 100.0, 101.0],
        "close": [100.5, 101.5, 102.5],
        "volume": [1000.0, 1010.0, 1020.0],
        "run_id": "r",
    }


def closed(*parts: BarColumns) -> list[BarsClosed]:
    return [BarsClosed("r", bars) for bars in parts]


@pytest.mark.parametrize(
    ("counts", "most", "opens", "left_out"),
    [
        ([3, 2, 2], 4, [103.0, 104.0, 105.0, 106.0], 1),
        ([3, 2, 2], 3, [105.0, 106.0], 2),
        ([3, 9], 4, [108.0, 109.0, 110.0, 111.0], 2),
    ],
)
def test_of_too_many_bars_the_latest_are_told(
    counts: list[int], most: int, opens: list[float], left_out: int
) -> None:
    firsts = np.cumsum([0, *counts])[:-1].tolist()
    parts = [minutes(first, count) for first, count in zip(firsts, counts, strict=True)]
    ((payload, missing),) = join(BARS, closed(*parts), most_rows=most)
    assert (payload["open"], missing) == (opens, left_out)


def test_orders_that_are_left_out_are_counted() -> None:
    """Of three that changed first, those that were not told even then, and one of the last."""
    state = OrderState.of(some_order(), "cross", "AAPL")
    published = [OrdersChanged("r", (state,) * 3, 10), OrdersChanged("r", (state,) * 2, 1)]
    ((payload, left_out),) = join(Channel.parse("orders"), published, most_rows=4)
    assert (len(payload["orders"]), left_out) == (2, 3 + 10 + 1)


def test_runs_are_told_apart() -> None:
    parts = [BarsClosed(run, minutes(n, 1)) for n, run in enumerate("aab")]
    told = [
        (each.payload["run_id"], each.payload["open"]) for each in join(BARS, parts, most_rows=9)
    ]
    assert told == [("a", [100.0, 101.0]), ("b", [102.0])]


def some_order() -> Order:
    return Order(
        id=3,
        strategy=0,
        symbol=0,
        quantity=-5.0,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=101.5,
        stop_price=0.0,
        submitted_ns=JULY_1_NS,
    )


def test_an_order_is_told_with_its_names_and_times() -> None:
    order = some_order()
    state = OrderState.of(order, "cross", "AAPL")
    order.filled_quantity = -5.0
    published = [OrdersChanged("r", (state,))]
    ((payload, left_out),) = join(Channel.parse("orders"), published, most_rows=10)
    assert (payload["run_id"], left_out) == ("r", 0)
    (told,) = payload["orders"]
    assert told == {
        "id": 3,
        "strategy": "cross",
        "symbol": "AAPL",
        "side": Side.SELL,
        "type": "limit",
        "time_in_force": "day",
        "status": "pending_new",
        "quantity": -5.0,
        "filled_quantity": 0.0,
        "fill_price": None,
        "limit_price": 101.5,
        "stop_price": None,
        "tag": "",
        "reason": "",
        "submitted_at": "2024-07-01T13:30:00.000Z",
        "filled_at": None,
    }


def test_times_are_told_to_the_millisecond() -> None:
    assert utc_text(JULY_1_NS + 1_999_999) == "2024-07-01T13:30:00.001Z"


# ── how much ─────────────────────────────────────────────────────────────────


def test_an_allowance_fills_steadily() -> None:
    allowance = Allowance(10.0, 0.0)
    assert [allowance.take(0.0) for _ in range(21)] == [True] * 20 + [False]
    assert [allowance.take(0.25) for _ in range(3)] == [True, True, False]
    assert sum(allowance.take(100.0) for _ in range(50)) == 20
