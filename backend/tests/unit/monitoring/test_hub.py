"""The hub: publishers never wait, listeners get what is newest and learn what is missing."""

import threading
import tracemalloc
from time import perf_counter, process_time

import pytest

from app.monitoring.hub import CAPACITY, Batch, Hub


def test_what_nobody_wants_is_not_kept() -> None:
    hub, wakes = Hub(), []
    outlet = hub.open(lambda: wakes.append(1))
    hub.publish("orders", "before")
    outlet.want(["orders"])
    hub.publish("events", "another channel")
    assert (list(outlet.take()), wakes) == ([], [])
    assert hub.wanted == {"orders"}


def test_payloads_come_in_order_by_channel() -> None:
    hub = Hub()
    outlet = hub.open(lambda: None)
    outlet.want(["orders", "events"])
    for number in range(3):
        hub.publish("orders", number)
    hub.publish("events", "x")
    assert list(outlet.take()) == [Batch("orders", (0, 1, 2), 0), Batch("events", ("x",), 0)]
    assert list(outlet.take()) == []


def test_a_burst_wakes_once() -> None:
    hub, wakes = Hub(), []
    outlet = hub.open(lambda: wakes.append(1))
    outlet.want(["bars:AAPL:1m"])
    for number in range(10_000):
        hub.publish("bars:AAPL:1m", number)
    assert len(wakes) == 1
    (batch,) = outlet.take()
    assert batch.payloads == tuple(range(10_000 - CAPACITY, 10_000))
    assert batch.lost == 10_000 - CAPACITY
    hub.publish("bars:AAPL:1m", "next")
    assert len(wakes) == 2
    assert next(iter(outlet.take())).lost == 0


def test_two_listeners_do_not_take_from_each_other() -> None:
    hub = Hub()
    one, other = hub.open(lambda: None), hub.open(lambda: None)
    one.want(["orders"])
    other.want(["orders", "events"])
    hub.publish("orders", 1)
    assert list(one.take()) == list(other.take()) == [Batch("orders", (1,), 0)]
    other.close()
    assert hub.wanted == {"orders"}
    one.close()
    assert hub.wanted == frozenset()


def test_a_channel_wanted_no_more_is_forgotten() -> None:
    hub = Hub()
    outlet = hub.open(lambda: None)
    outlet.want(["orders"])
    hub.publish("orders", 1)
    outlet.want([])
    outlet.want(["orders"])
    assert list(outlet.take()) == []


def test_threads_lose_nothing_that_is_not_counted() -> None:
    """Every payload is either taken or counted as lost, whoever publishes when."""
    hub, each, threads = Hub(), 20_000, 4
    outlet = hub.open(lambda: None)
    outlet.want(["orders"])
    workers = [
        threading.Thread(target=lambda: [hub.publish("orders", n) for n in range(each)])
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    taken = lost = 0
    while any(worker.is_alive() for worker in workers):
        for batch in outlet.take():
            taken, lost = taken + len(batch.payloads), lost + batch.lost
    for batch in outlet.take():
        taken, lost = taken + len(batch.payloads), lost + batch.lost
    assert taken + lost == pytest.approx(threads * each, abs=threads)
    assert lost > 0


def test_a_listener_that_hangs_costs_neither_time_nor_memory() -> None:
    hub = Hub()
    outlet = hub.open(lambda: None)
    outlet.want(["orders"])
    for _ in range(1_000):
        hub.publish("orders", bytes(1_000))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(20_000):
        hub.publish("orders", bytes(1_000))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2 * CAPACITY * 1_200


def test_publishing_to_nobody_is_nearly_free() -> None:
    hub = Hub()
    started = process_time()
    for _ in range(100_000):
        hub.publish("orders", None)
    assert (process_time() - started) / 100_000 < 2e-6


def test_a_slow_wake_is_not_called_again_before_take() -> None:
    calls: list[float] = []
    hub = Hub()
    outlet = hub.open(lambda: calls.append(perf_counter()))
    outlet.want(["orders"])
    for round_number in range(1, 4):
        for _ in range(100):
            hub.publish("orders", 1)
        assert len(calls) == round_number
        list(outlet.take())
