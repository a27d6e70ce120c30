"""Who is calling: the address behind a request, which a client cannot choose."""

from starlette.datastructures import Headers
from starlette.types import Scope

from shared.networks import TrustedNetworks, parse_address

__all__ = ["TrustedNetworks", "client_address"]


def client_address(scope: Scope, trusted: TrustedNetworks) -> str:
    """The address of the client of an HTTP or WebSocket request, in its canonical form.

    It is the peer's, or, when the peer is in `trusted`, the last entry of X-Forwarded-For: the one that the trusted
    proxy itself wrote. Entries before it are the client's word and are never believed. With no such header, or a last
    entry that is no address, it is the peer's. "" when there is no peer address (a Unix socket).
    """
    host = scope["client"][0] if scope.get("client") else ""
    peer = parse_address(host)
    if peer is None:
        return host
    if peer in trusted:
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        last = parse_address(forwarded[-1].rpartition(",")[2]) if forwarded else None
        return str(last or peer)
    return str(peer)
