"""Which address a request comes from, whatever it says itself."""

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.core.exceptions import ConfigurationError

Network = IPv4Network | IPv6Network
_SITE_BITS = 64


@cache
def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks by commas, as in `Settings.trusted_proxies`.

    Raises:
        ConfigurationError: one of them is none.
    """
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigurationError(
            f"TRUSTED_PROXIES: {error}; write addresses or networks, as 10.0.0.1,172.16.0.0/12"
        ) from None


def client_address(peer: str, forwarded_for: Sequence[str], proxies: Sequence[Network]) -> str:
    """The address a request comes from.

    Only what a trusted proxy reports counts: from the peer of the socket back through
    `forwarded_for`, the values of X-Forwarded-For, to the first that is not one of `proxies`.
    Anybody can write into that header, but not behind what a proxy of ours adds to it.
    """
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
    address = peer
    while hops and _is_one_of(address, proxies):
        reported = hops.pop()
        if not _is_address(reported):
            break
        address = reported
    return address


def is_behind_tls(peer: str, forwarded_proto: Sequence[str], proxies: Sequence[Network]) -> bool:
    """Whether a trusted proxy says that it was asked over TLS.

    Only the last value of X-Forwarded-Proto counts, which the proxy next to us has written.
    """
    if not forwarded_proto or not _is_one_of(peer, proxies):
        return False
    return forwarded_proto[-1].rpartition(",")[2].strip().lower() in ("https", "wss")


def limit_key(address: str) -> str:
    """What attempts of one sender are counted under: an address, or the /64 of an IPv6 one.

    Whoever has one address of such a network has them all.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed) >> _SITE_BITS << _SITE_BITS, _SITE_BITS)))


def _is_one_of(address: str, proxies: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
