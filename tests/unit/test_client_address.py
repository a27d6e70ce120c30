"""The address behind a request: a proxy's word counts, a client's does not."""

import pytest
from starlette.types import Scope

from shared.http.client import TrustedNetworks, client_address

TRUSTED = TrustedNetworks.parse("127.0.0.0/8, ::1, 10.1.0.0/16")


def _scope(peer: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"type": "http", "headers": headers, "client": (peer, 50000) if peer is not None else None}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("10.2.2.3", ["198.51.100.1"], "10.2.2.3"),
        ("::1", ["2001:DB8::0001"], "2001:db8::1"),
        ("127.0.0.1", ["192.0.2.9, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["192.0.2.9", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1,"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1:8080"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["1" * 10_000], "127.0.0.1"),
        ("127.0.0.1", ["\xa0\xff"], "127.0.0.1"),
        ("::ffff:127.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        (None, ["198.51.100.1"], ""),
    ],
)
def test_the_last_hop_is_believed_when_a_trusted_proxy_tells_it(
    peer: str | None, forwarded: list[str], expected: str
) -> None:
    assert client_address(_scope(peer, *forwarded), TRUSTED) == expected


def test_where_nobody_is_trusted_the_peer_is_the_client() -> None:
    nobody = TrustedNetworks.parse("")
    assert client_address(_scope("127.0.0.1", "198.51.100.1"), nobody) == "127.0.0.1"


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;::1", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        TrustedNetworks.parse(f"127.0.0.1, {text}")
