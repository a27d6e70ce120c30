"""The networks whose word is taken: parsed once from a setting, asked at each request."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class TrustedNetworks:
    """A set of networks; the empty one trusts nobody."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "TrustedNetworks":
        """From `10.0.0.0/8,::1`: networks and single addresses, separated by commas; "" is nobody.

        Raises ValueError naming the first entry that is neither; so is a network with host bits (10.0.0.1/8).
        """
        found: list[IPv4Network | IPv6Network] = []
        for entry in filter(None, (part.strip() for part in text.split(","))):
            try:
                found.append(ip_network(entry))
            except ValueError:
                raise ValueError(f"{entry!r} is no network: write addresses or networks like 10.0.0.0/8") from None
        return cls(tuple(found))

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4 one inside IPv6 (::ffff:10.0.0.1) as what it is; None for anything else."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
