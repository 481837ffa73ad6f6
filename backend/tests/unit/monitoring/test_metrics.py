"""Figures in Prometheus' text format, in a registry of their own."""

from dataclasses import asdict

from prometheus_client.parser import text_string_to_metric_families

from app.monitoring.hub import Figures
from app.monitoring.metrics import EngineFigures, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_engine_and_the_hub_are_asked_when_the_figures_are_shown() -> None:
    metrics, asked = Metrics(), []
    metrics.watch_engine(
        lambda: (
            asked.append("engine")
            or EngineFigures(bars=390, threads={"A": True, "B": False}, queues={"read": 1})
        )
    )
    metrics.watch_hub(lambda: asked.append("hub") or {"connections": 3.0})
    assert asked == []
    shown = samples(metrics)
    assert asked == ["engine", "hub"]
    assert shown["mismartera_bars_processed_total", ""] == 390.0
    assert shown["mismartera_thread_alive", "A"] == 1.0
    assert shown["mismartera_thread_alive", "B"] == 0.0
    assert shown["mismartera_queue_depth", "read"] == 1.0
    assert shown["mismartera_websocket_connections", ""] == 3.0


def test_what_only_grows_in_the_hub_is_a_counter() -> None:
    """The kinds of Prometheus: a rate is taken of a counter, and of a gauge it is nonsense."""
    metrics = Metrics()
    metrics.watch_hub(lambda: asdict(Figures(connections=3, sent=7)))
    families = {
        family.name.removeprefix("mismartera_websocket_"): family
        for family in text_string_to_metric_families(metrics.text().decode())
        if "websocket" in family.name
    }
    assert {name for name, family in families.items() if family.type == "gauge"} == {
        "connections",
        "subscriptions",
        "queued",
    }
    assert {name for name, family in families.items() if family.type == "counter"} == {
        "sent",
        "lost",
        "overrun",
        "wakes",
        "refused",
    }
    assert samples(metrics)["mismartera_websocket_sent_total", ""] == 7.0
    assert samples(metrics)["mismartera_websocket_connections", ""] == 3.0
    assert len({family.documentation for family in families.values()}) == len(families) == 8


def test_a_latency_falls_into_its_bucket_and_all_above() -> None:
    metrics = Metrics()
    metrics.note_request("GET", "/health", 200, 0.004)
    families = text_string_to_metric_families(metrics.text().decode())
    buckets = {
        sample.labels["le"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "mismartera_request_seconds_bucket"
    }
    assert (buckets["0.0025"], buckets["0.005"], buckets["+Inf"]) == (0.0, 1.0, 1.0)


def test_a_verb_nobody_knows_makes_no_series_of_its_own() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.note_request(f"VERB{number}", "/health", 405, 0.001)
    assert samples(metrics)["mismartera_requests_total", "other,/health,405"] == 100.0
