"""The network that a request comes from, as limits count it: an IPv4 address, or an IPv6 network of 64 bits.

One subscriber has 2**64 IPv6 addresses, so a limit that counted single ones would be none.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from flask import request


def client_network() -> str:
    """Return the client's IPv4 address or its IPv6 network; "unknown" if the server names none."""
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return request.remote_addr or "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
