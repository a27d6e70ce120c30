"""From which pages a browser may open a WebSocket: it sends cookies and connects anywhere, so the server must ask.

A browser always sends `Origin`; what sends none is no browser, and no page can make it act.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_welcome(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """Whether a page of `origin` may connect to us, called by the Host header `host`.

    Same origin, or one of `allowed` (`https://pages.example.com`). The scheme of our own is not compared: what ends TLS
    in front of us knows it, we do not.
    """
    if origin is None:
        return True
    if origin.lower() in {entry.lower().rstrip("/") for entry in allowed}:
        return True
    scheme, _, _ = origin.partition("://")
    return _address(origin) is not None and _address(origin) == _address(f"{scheme}://{host}")


def _address(url: str) -> tuple[str, int] | None:
    """Host and port; None for what has none (`null`, an extension's origin, nonsense)."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname.lower(), port) if parts.hostname and port else None
