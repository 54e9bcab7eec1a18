"""The network that a request comes from, as limits count it: an IPv4 address, or an IPv6 network of 64 bits.

One subscriber has 2**64 IPv6 addresses, so a limit that counted single ones would be none.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from flask import request


def client_network() -> str:
    """Return the network of the current request's client; "unknown" if the server names none."""
    return network_of(request.remote_addr or "")


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, and of an IPv6 address its network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address or "unknown"
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def address_behind(proxies: int, remote: str, forwarded: str) -> str:
    """Return the address that the trusted proxies have appended to `X-Forwarded-For`, as werkzeug's ProxyFix does."""
    addresses = forwarded.split(",") if proxies else ()
    return (addresses[-proxies].strip() or remote) if len(addresses) >= proxies > 0 else remote
