"""The record over HTTP: lists, single things, strategies, and what strangers may ask."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from tests.api_fixtures import Api
from tests.integration.api.run_fixtures import Runs, sample_config

LISTS = ("orders", "fills", "trades", "positions", "signals", "events", "strategies", "runs")


@pytest.fixture
def run(runs: Runs) -> dict[str, Any]:
    return runs.finished(sample_config())


@pytest.fixture
def viewer(api: Api) -> TestClient:
    return api.as_("viewer")


def items(client: TestClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every item of a list, three at a time."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(f"/api/v1/{path}", params={"limit": 3, **query, **cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json()["next_cursor"]}


# ── lists ────────────────────────────────────────────────────────────────────


def test_orders(run: dict[str, Any], viewer: TestClient) -> None:
    everything = items(viewer, "orders")
    assert len({order["id"] for order in everything}) == len(everything) == 10
    assert items(viewer, "trading/orders") == everything
    of_run = items(viewer, "orders", run_id=run["id"])
    times = [order["submitted"] for order in of_run]
    assert times == sorted(times, reverse=True)
    entry = items(viewer, "orders", run_id=run["id"], symbol="AAA", side="buy", sort="recorded")[0]
    # Sent at the close of the third bar, 9:33 in New York, and filled at the next open.
    assert (entry["submitted"], entry["status"]) == ("2024-03-04T14:33:00Z", "filled")
    assert (entry["quantity"], entry["average_fill_price"]) == ("10.00000000", "100.00200000")
    assert (entry["take_profit"], entry["tag"]) == ("100.00950000", "third bar")
    expired = items(viewer, "orders", run_id=run["id"], status="expired")
    assert {order["limit_price"] for order in expired} == {"50.00000000"}
    late = items(viewer, "orders", run_id=run["id"], **{"from": "2024-03-04T09:34:00-05:00"})
    assert {order["submitted"] for order in late} == {"2024-03-04T14:35:00Z"}


def test_an_order_with_what_became_of_it(run: dict[str, Any], viewer: TestClient) -> None:
    entry = items(viewer, "orders", run_id=run["id"], symbol="AAA", side="buy", sort="recorded")[0]
    order = viewer.get(f"/api/v1/orders/{entry['id']}").json()
    assert viewer.get(f"/api/v1/trading/orders/{entry['id']}").json() == order
    assert {name: order[name] for name in entry} == entry
    assert [event["kind"] for event in order["events"]] == ["new", "filled"]
    assert [event["sequence"] for event in order["events"]] == [1, 2]
    (fill,) = order["fills"]
    assert (fill["price"], fill["commission"]) == ("100.00200000", "2.000000")
    assert items(viewer, "fills", order_id=entry["id"]) == [fill]
    assert items(viewer, "events", of="orders", order_id=entry["id"]) == order["events"][::-1]


def test_of_an_order_with_many_fills_none_is_missing_unsaid(runs: Runs, viewer: TestClient) -> None:
    """Of a thousand units a minute an order may take one: 1,005 units are as many fills."""
    run = runs.finished(
        sample_config(
            last="2024-03-06",
            strategies={"gatherer": ("tests.session_strategies:Gatherer", {"quantity": 1_005})},
            execution={
                "starting_cash": 1_000_000,
                "commission": {"model": "none"},
                "slippage": {"model": "none"},
                "fill_model": {"participation_pct": 0.1},
            },
        )
    )
    (big, _) = items(viewer, "orders", run_id=run["id"])
    order = viewer.get(f"/api/v1/orders/{big['id']}").json()
    assert (len(order["fills"]), len(order["events"])) == (1_000, 1_000)
    assert order["fills"][0]["time"] < order["fills"][-1]["time"]

    def rest(path: str, cursor: str, **query: str) -> list[dict[str, Any]]:
        asked = {"order_id": big["id"], "sort": "recorded", "cursor": order[cursor], **query}
        answer = viewer.get(f"/api/v1/{path}", params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["next_cursor"] is None
        return answer.json()["items"]

    fills = order["fills"] + rest("fills", "next_fills_cursor")
    assert len({fill["id"] for fill in fills}) == len(fills) == 1_005
    assert sum(float(fill["quantity"]) for fill in fills) == 1_005
    assert [fill["time"] for fill in fills] == sorted(fill["time"] for fill in fills)
    events = order["events"] + rest("events", "next_events_cursor", of="orders")
    # It was taken, 1,004 times filled in part, and then in full.
    assert [event["sequence"] for event in events] == list(range(1, 1_007))
    assert events[-1]["kind"] == "filled"


def test_the_account_of_another_run_is_no_answer(
    runs: Runs, run: dict[str, Any], viewer: TestClient
) -> None:
    def portfolio(**asked: str) -> Any:
        return viewer.get("/api/v1/trading/portfolio", params=asked)

    other = runs.finished(sample_config())
    account = portfolio(run_id=run["id"]).json()["account_id"]
    assert portfolio(account_id=account, run_id=run["id"]).json()["account_id"] == account
    refused = portfolio(account_id=account, run_id=other["id"])
    assert refused.status_code == 422
    assert refused.json()["error"]["details"] == [
        {
            "field": "run_id",
            "message": f"account {account} is not of run {other['id']}; leave one of them out",
        }
    ]
    assert items(viewer, "orders", account_id=account, run_id=other["id"]) == []


def test_trades_signals_positions_and_an_account(run: dict[str, Any], viewer: TestClient) -> None:
    closed = items(viewer, "trades", run_id=run["id"], is_open=False, symbol="AAA")
    # Bought at 100.002, sold at 100.0095, ten of it, for two commissions of 2.
    assert [trade["net_pnl"] for trade in closed] == ["-3.925000"]
    assert closed[0]["market_context"]["close"] == 100.002
    refused = items(viewer, "signals", run_id=run["id"], executed=False)
    assert all(signal["refusal"] for signal in refused)
    held = items(viewer, "positions", run_id=run["id"])
    assert {(p["symbol"], p["quantity"]) for p in held} == {
        ("AAA", "10.00000000"),
        ("BBB", "10.00000000"),
    }
    portfolio = viewer.get("/api/v1/trading/portfolio").json()
    assert portfolio["run_id"] == run["id"]
    assert float(portfolio["equity"]) == pytest.approx(run["metrics"]["final_equity"])
    assert {position["id"] for position in portfolio["positions"]} == {p["id"] for p in held}
    for query in ({"account_id": portfolio["account_id"]}, {"run_id": run["id"]}):
        assert viewer.get("/api/v1/trading/portfolio", params=query).json() == portfolio
    assert items(viewer, "trading/positions", account_id=portfolio["account_id"]) == held


def test_the_portfolio_is_the_latest_runs(runs: Runs, viewer: TestClient) -> None:
    assert viewer.get("/api/v1/trading/portfolio").status_code == 404
    for _ in range(2):
        run = runs.finished(sample_config())
        assert viewer.get("/api/v1/trading/portfolio").json()["run_id"] == run["id"]


def test_lists_that_are_empty(api: Api, viewer: TestClient) -> None:
    for name in LISTS:
        assert viewer.get(f"/api/v1/{name}").json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("orders", {"limit": 0}),
        ("orders", {"limit": 1001}),
        ("orders", {"sort": "quantity"}),
        ("fills", {"sort": "time"}),
        ("orders", {"cursor": "nonsense"}),
        ("orders", {"side": "hold"}),
        ("orders", {"run_id": "1"}),
        ("orders", {"from": "2024-03-04T09:30:00"}),
        ("orders", {"to": "0.5"}),
        ("runs", {"from": "1709562600"}),
        ("orders", {"symbol": "A\x00"}),
        ("signals", {"action": "buy"}),
        ("events", {"of": "users"}),
        ("events", {"of": "orders", "sort": "time"}),
        ("trades", {"is_open": "perhaps"}),
        ("runs", {"status": "queued"}),
        ("strategies", {"lifecycle": "research"}),
    ],
)
def test_what_a_list_does_not_know(viewer: TestClient, path: str, query: dict[str, Any]) -> None:
    answer = viewer.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert next(reversed(query)) in error["message"]


@pytest.mark.parametrize(
    ("of", "strangers", "known"),
    [
        ("orders", ["strategy_id"], "run_id, account_id, order_id, kind, from, to"),
        ("strategies", ["account_id", "order_id"], "run_id, strategy_id, kind, from, to"),
    ],
)
def test_events_are_not_narrowed_by_what_they_do_not_have(
    viewer: TestClient, of: str, strangers: list[str], known: str
) -> None:
    query = {"of": of, **{name: str(uuid4()) for name in strangers}}
    answer = viewer.get("/api/v1/events", params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"] == [
        {"field": name, "message": f"is no filter of events of {of}: there are {known}"}
        for name in strangers
    ]


def test_no_list_documents_a_filter_that_it_ignores(api: Api) -> None:
    operation = api.app.openapi()["paths"]["/api/v1/strategies/{strategy_id}/events"]["get"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {"strategy_id", "limit", "cursor", "sort", "kind", "from", "to"}


def test_a_moment_before_all_others_is_a_moment(run: dict[str, Any], viewer: TestClient) -> None:
    first = "0001-01-01T00:00:00+14:00"
    for name in ("orders", "runs"):
        assert items(viewer, name, **{"from": first}) == items(viewer, name)
        assert items(viewer, name, to=first) == []


def test_what_is_not_there(run: dict[str, Any], viewer: TestClient) -> None:
    for path in ("orders/{}", "trading/orders/{}", "strategies/{}", "strategies/{}/events"):
        assert viewer.get(f"/api/v1/{path.format(uuid4())}").status_code == 404
        assert viewer.get(f"/api/v1/{path.format('1')}").status_code == 422
    for query in ({"account_id": str(uuid4())}, {"run_id": str(uuid4())}):
        assert viewer.get("/api/v1/trading/portfolio", params=query).status_code == 404


# ── strategies ───────────────────────────────────────────────────────────────


def test_a_strategy_goes_through_its_life(run: dict[str, Any], api: Api) -> None:
    trader = api.as_("trader")
    (buyer,) = items(trader, "strategies", name="buyer")
    assert (buyer["class"], buyer["parameters"]["on"]) == ("tests.session_strategies:Buyer", 5)
    path = f"/api/v1/strategies/{buyer['id']}"
    asked = {"lifecycle": "PAPER", "regime_notes": "quiet days"}
    changed = trader.patch(path, json=asked).json()
    assert changed == buyer | asked == trader.get(path).json()
    assert trader.patch(path, json={"regime_notes": None}).json()["regime_notes"] is None
    assert trader.patch(path, json={}).json()["lifecycle"] == "PAPER"
    events = items(trader, f"strategies/{buyer['id']}/events")
    assert [event["kind"] for event in events][-1] == "created"
    assert sorted(event["kind"] for event in events) == ["created", "lifecycle", "note", "note"]
    moved = next(event for event in events if event["kind"] == "lifecycle")
    assert moved["message"] == "from RESEARCH to PAPER"
    assert items(trader, "events", strategy_id=buyer["id"], kind="lifecycle") == [moved]
    of_it = f"strategies/{buyer['id']}/events"
    assert items(trader, of_it, kind="lifecycle") == [moved]
    assert items(trader, of_it, to=moved["time"], sort="time")[0]["kind"] == "created"
    assert moved not in items(trader, of_it, to=moved["time"])
    assert items(trader, "strategies", lifecycle="PAPER") == [changed | {"regime_notes": None}]
    with api.work() as work:
        entries = [entry for entry in work.audit.list() if entry.action == "strategy.update"]
    assert [entry.actor for entry in entries] == ["trader", "trader"]
    assert entries[-1].target == f"strategy:{buyer['id']}"
    assert entries[-1].details == asked


@pytest.mark.parametrize(
    "asked",
    [{"lifecycle": "paper"}, {"name": "mine"}, {"regime_notes": "a\x00"}, {"regime_notes": 5}, []],
)
def test_changes_that_are_refused(run: dict[str, Any], api: Api, asked: object) -> None:
    trader = api.as_("trader")
    strategy = items(trader, "strategies")[0]
    answer = trader.patch(f"/api/v1/strategies/{strategy['id']}", json=asked)
    assert answer.status_code == 422
    assert items(trader, "strategies")[0] == strategy


def test_a_viewer_changes_nothing(run: dict[str, Any], viewer: TestClient) -> None:
    strategy = items(viewer, "strategies")[0]
    path = f"/api/v1/strategies/{strategy['id']}"
    assert viewer.patch(path, json={"lifecycle": "LIVE"}).status_code == 403
    assert viewer.get(path).json() == strategy


# ── strangers ────────────────────────────────────────────────────────────────

INJECTIONS = (
    "' OR '1'='1",
    "AAA'; DROP TABLE orders; --",
    '" OR ""="',
    "AAA') UNION SELECT id, password_hash FROM users --",
    "%",
    "_",
    "\\' OR 1=1 --",
    "AAA\x00' OR 1=1",
    "1; SELECT pg_sleep(10)",
    "$.name') OR 1=1 --",
)
OURS = (
    "events",
    "fills",
    "orders",
    "positions",
    "signals",
    "trades",
    "trading",
    "runs",
    "strategies",
)


def _text_parameters(api: Api) -> list[tuple[str, str, str]]:
    """Every parameter of our GET routes that takes a text: where it stands, and its path."""
    paths = api.app.openapi()["paths"].items()
    return [
        (path, parameter["in"], parameter["name"])
        for path, methods in paths
        if path.removeprefix("/api/v1/").split("/")[0] in OURS
        for parameter in methods.get("get", {}).get("parameters", ())
        if parameter["in"] in ("path", "query")
    ]


def test_texts_are_never_read_as_sql(run: dict[str, Any], api: Api) -> None:
    """Each injection, in each parameter: refused, or looked for and not found."""
    viewer, asked = api.as_("viewer"), 0
    for path, place, name in _text_parameters(api):
        real = path.replace("{run_id}", run["id"]).replace("{strategy_id}", str(uuid4()))
        real = real.replace("{order_id}", str(uuid4()))
        for text in INJECTIONS:
            if place == "path":
                answer = viewer.get(path.replace(f"{{{name}}}", quote(text, safe="")))
            else:
                answer = viewer.get(real, params={name: text})
            asked += 1
            assert answer.status_code < 500, (path, name, text, answer.text)
            if answer.status_code == 200:
                assert answer.json()["items"] == [], (path, name, text)
    assert asked > 500
    assert len(items(viewer, "orders")) == 10
    assert [run["id"]] == [each["id"] for each in items(viewer, "runs")]


def test_nobody_sees_anything_without_a_token(run: dict[str, Any], api: Api) -> None:
    nobody = api.anonymous()
    for name in (*LISTS, f"runs/{run['id']}", f"runs/{run['id']}/report", "trading/portfolio"):
        answer = nobody.get(f"/api/v1/{name}")
        assert answer.status_code == 401
        assert run["id"] not in answer.text
