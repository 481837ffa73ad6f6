"""Where a request comes from, whatever it says itself; and how often it may come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import ConfigurationError, RateLimitedError
from app.services.security.addresses import client_address, limit_key, networks
from app.services.security.attempts import MovingWindow

PROXY, OUTER, CLIENT, FORGED = "10.0.0.1", "172.16.5.5", "203.0.113.7", "198.51.100.1"
PROXIES = networks("10.0.0.1, 172.16.0.0/12")


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "expected"),
    [
        (CLIENT, [], (), CLIENT),
        (CLIENT, [FORGED], (), CLIENT),
        (CLIENT, [FORGED], PROXIES, CLIENT),
        (PROXY, [CLIENT], (), PROXY),
        (PROXY, [CLIENT], PROXIES, CLIENT),
        (PROXY, [f"{FORGED}, {CLIENT}"], PROXIES, CLIENT),
        (PROXY, [FORGED, CLIENT], PROXIES, CLIENT),
        (PROXY, [f"{FORGED},{CLIENT} , {OUTER}"], PROXIES, CLIENT),
        (PROXY, [f"{FORGED}, {PROXY}, {CLIENT}"], PROXIES, CLIENT),
        (PROXY, [], PROXIES, PROXY),
        (PROXY, [""], PROXIES, PROXY),
        (PROXY, [f"{CLIENT}, unknown"], PROXIES, PROXY),
        (PROXY, [OUTER], PROXIES, OUTER),
        ("testclient", [FORGED], PROXIES, "testclient"),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    peer: str, forwarded: list[str], proxies: tuple, expected: str
) -> None:
    assert client_address(peer, forwarded, proxies) == expected


@given(forged=st.lists(st.text(), max_size=5))
def test_nothing_a_client_writes_changes_its_address(forged: list[str]) -> None:
    assert client_address(CLIENT, forged, PROXIES) == CLIENT
    assert client_address(PROXY, [*forged, CLIENT], PROXIES) == CLIENT


def test_proxies_that_are_none_are_named() -> None:
    assert networks("") == networks(" , ") == ()
    with pytest.raises(ConfigurationError, match=r"TRUSTED_PROXIES: 'everybody'"):
        networks("10.0.0.1,everybody")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (CLIENT, CLIENT),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", CLIENT),
        ("testclient", "testclient"),
    ],
)
def test_who_has_a_network_of_addresses_is_one_sender(address: str, key: str) -> None:
    assert limit_key(address) == key


# ── attempts ─────────────────────────────────────────────────────────────────

S = 1_000_000_000


def tried(window: MovingWindow, name: str, at_s: float) -> bool:
    try:
        window.require([name], int(at_s * S))
    except RateLimitedError:
        return False
    return True


@given(st.lists(st.integers(0, 300), max_size=60))
def test_no_window_of_a_minute_holds_more_than_five(times: list[int]) -> None:
    window = MovingWindow(5, 60)
    taken = [at for at in sorted(times) if tried(window, "a", at)]
    for at in taken:
        assert sum(at - 60 < other <= at for other in taken) <= 5
    for at in set(times) - set(taken):
        assert sum(at - 60 < other <= at for other in taken) == 5


def test_one_full_name_refuses_all_and_counts_none() -> None:
    window = MovingWindow(2, 60)
    window.require(["a"], 0)
    window.require(["a"], 10 * S)
    for _ in range(3):
        with pytest.raises(RateLimitedError) as refusal:
            window.require(["a", "b"], 20 * S)
        assert refusal.value.retry_after_s == 40
    window.require(["b"], 20 * S)
    window.require(["b"], 20 * S)


def test_names_nobody_tries_any_more_are_forgotten() -> None:
    window = MovingWindow(5, 60)
    for number in range(1_000):
        window.require([f"name {number}"], number * S)
    assert len(window._times) <= 2 * 60 + 1
