"""A bucket of tokens: a burst of its size, then as many as come back."""

import pytest

from app.core.types import SECOND_NS
from app.services.security import token_bucket
from app.services.security.token_bucket import TokenBuckets


def test_a_burst_is_let_through_and_then_one_every_second() -> None:
    buckets = TokenBuckets(per_minute=60)
    assert [buckets.take("a", 0) for _ in range(60)] == [0.0] * 60
    assert buckets.take("a", 0) == pytest.approx(1.0)
    assert buckets.take("a", SECOND_NS // 2) == pytest.approx(0.5)
    assert buckets.take("a", SECOND_NS) == 0.0
    assert buckets.take("a", SECOND_NS) == pytest.approx(1.0)


def test_one_key_does_not_use_up_what_another_has() -> None:
    buckets = TokenBuckets(per_minute=1)
    assert buckets.take("a", 0) == 0.0
    assert buckets.take("a", 0) == pytest.approx(60.0)
    assert buckets.take("b", 0) == 0.0


def test_a_bucket_holds_no_more_than_a_minute_of_tokens() -> None:
    buckets = TokenBuckets(per_minute=2)
    buckets.take("a", 0)
    later = 3_600 * SECOND_NS
    assert [buckets.take("a", later) for _ in range(3)] == [0.0, 0.0, pytest.approx(30.0)]


def test_a_clock_that_is_set_back_gives_and_takes_nothing() -> None:
    buckets = TokenBuckets(per_minute=60)
    for _ in range(60):
        buckets.take("a", 100 * SECOND_NS)
    assert buckets.take("a", 50 * SECOND_NS) == pytest.approx(1.0)
    assert buckets.take("a", 100 * SECOND_NS) == pytest.approx(1.0)


def test_who_asked_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_bucket, "MOST_KEYS", 2)
    buckets = TokenBuckets(per_minute=1)
    for key in ("a", "b", "c"):
        assert buckets.take(key, 0) == 0.0
    assert buckets.take("c", 0) > 0
    assert buckets.take("b", 0) > 0
    assert buckets.take("a", 0) == 0.0


def test_to_ask_how_long_takes_nothing() -> None:
    buckets = TokenBuckets(per_minute=2)
    assert [buckets.wait_s("a", 0) for _ in range(5)] == [0.0] * 5
    assert [buckets.take("a", 0) for _ in range(2)] == [0.0, 0.0]
    assert [buckets.wait_s("a", 0) for _ in range(2)] == [pytest.approx(30.0)] * 2
    assert buckets.wait_s("a", 30 * SECOND_NS) == buckets.take("a", 30 * SECOND_NS) == 0.0
