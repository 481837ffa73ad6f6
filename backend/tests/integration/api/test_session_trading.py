"""Orders and fills of a running session over HTTP, and that the record agrees when it is over."""

from typing import Any

from starlette.testclient import TestClient

from tests.integration.api.run_fixtures import Runs, sample_config
from tests.system_fixtures import PATIENCE_S


def get(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(client: TestClient, path: str, limit: int) -> list[dict[str, Any]]:
    """Every item, page by page."""
    items, after = [], 0
    while after is not None:
        page = get(client, path, after=after, limit=limit)
        items += page["items"]
        after = page["next_after"]
    return items


def test_before_any_session_there_is_none(runs: Runs) -> None:
    for path in ("orders", "fills"):
        answer = runs.client.get(f"/api/v1/session/{path}")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "DATA_NOT_FOUND"


def test_what_works_and_what_was_bought_so_far(runs: Runs) -> None:
    """`Bracketed` buys with a bracket and sets a limit on its third bar, filled on the next."""
    config = runs.named("session", sample_config())
    runs.client.post("/api/v1/system/start", json={"config": config, "paused": True})
    assert get(runs.client, "/session/orders")["items"] == []
    runs.client.post("/api/v1/system/step", json={"count": 3})
    orders = get(runs.client, "/session/orders")
    assert orders["run_id"] == get(runs.client, "/system/status")["run_id"]
    assert orders["market_time"] == "2024-03-04T14:33:00Z"
    assert {(each["symbol"], each["status"]) for each in orders["items"]} >= {
        ("AAA", "new"),
        ("AAA", "held"),
        ("BBB", "new"),
    }
    assert get(runs.client, "/session/fills")["items"] == []
    runs.client.post("/api/v1/system/step", json={"count": 1})
    fills = get(runs.client, "/session/fills")["items"]
    assert {(each["symbol"], each["side"], each["quantity"]) for each in fills} >= {
        ("AAA", "buy", 10.0),
    }
    working = get(runs.client, "/session/orders")["items"]
    assert all(each["client_order_id"] == str(n) for n, each in enumerate(working, 1))
    runs.client.post("/api/v1/system/stop")
    assert runs.api.system.wait(PATIENCE_S)


def test_the_record_agrees_when_it_is_over(runs: Runs) -> None:
    config = runs.named("session", sample_config())
    started = runs.client.post("/api/v1/system/start", json={"config": config}).json()
    assert runs.api.system.wait(PATIENCE_S)
    orders = pages(runs.client, "/session/orders", limit=3)
    fills = pages(runs.client, "/session/fills", limit=2)
    each_symbol = 4 + 1  # an entry, its two exits and a limit; what Buyer buys
    assert (len(orders), len(fills)) == (2 * each_symbol, 6)
    query = {"run_id": started["run_id"], "limit": 100}
    recorded = {
        each["client_order_id"]: each for each in get(runs.client, "/orders", **query)["items"]
    }
    assert len(recorded) == len(orders)
    for order in orders:
        kept = recorded[order["client_order_id"]]
        same = ("symbol", "side", "type", "time_in_force", "status", "submitted", "filled", "tag")
        assert {key: order[key] for key in same} == {key: kept[key] for key in same}
        for key in ("quantity", "filled_quantity", "average_fill_price", "limit_price"):
            assert order[key] == (kept[key] and float(kept[key]))
    booked = {each["execution_id"]: each for each in get(runs.client, "/fills", **query)["items"]}
    for fill in fills:
        kept = booked[fill["execution_id"]]
        assert recorded[fill["client_order_id"]]["id"] == kept["order_id"]
        for key in ("quantity", "price", "commission", "slippage"):
            assert fill[key] == float(kept[key])
        assert fill["time"] == kept["time"]
