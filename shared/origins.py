"""Origins of other sites (RFC 6454) whose pages may call the API: parsed once from a setting, asked at each request."""

import re
from dataclasses import dataclass
from typing import Final

_ORIGIN: Final = re.compile(r"^(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?$")
_DEFAULT_PORT: Final = {"http": "80", "https": "443"}
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that may, as browsers write them; `are_all` is everybody. None at all is the default."""

    exact: frozenset[str] = frozenset()
    are_all: bool = False

    @classmethod
    def parse(cls, text: str) -> "Origins":
        """From `https://a.example, http://localhost:5173` or `*`. Raises ValueError naming the first that is none."""
        given = [entry for part in text.split(",") if (entry := part.strip())]
        if given == ["*"]:
            return cls(are_all=True)
        return cls(frozenset(_as_browsers_write_it(entry) for entry in given))

    def __contains__(self, origin: str) -> bool:
        return self.are_all or origin in self.exact

    def __str__(self) -> str:
        return "*" if self.are_all else ",".join(sorted(self.exact))

    def __bool__(self) -> bool:
        return self.are_all or bool(self.exact)


def _as_browsers_write_it(entry: str) -> str:
    found = _ORIGIN.match(entry.lower().removesuffix("/"))
    if found is None or int(found[3] or 1) > _LAST_PORT:
        raise ValueError(f"{entry!r} is no origin: write https://host or http://host:port, and nothing behind it")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORT[scheme] else "")
