"""Public internet addresses, told from private ones (SSRF)."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that is given out to the public (RFC 4291)
# Beyond what Python calls private, of which its versions differ.
_NOT_PUBLIC = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "100.64.0.0/10",  # carrier-grade NAT; metadata of Alibaba Cloud
        "168.63.129.16/32",  # metadata of Azure
        "192.0.0.0/24",  # protocol assignments; metadata of Oracle Cloud
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",  # reserved; broadcast
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",  # documentation
    )
]


def is_public(address: Address) -> bool:
    """Return whether anyone on the internet may be meant by an address.

    Private, loopback, link-local, multicast and reserved ones are not, nor those of cloud metadata.
    An IPv6 form of an IPv4 address (mapped, NAT64, 6to4, Teredo) never is, whatever it holds.
    """
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if address.is_multicast or address.is_private or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def parse_address(text: str) -> Address:
    """Read an address as the resolver gives it; one with a zone (`%eth0`) keeps it."""
    return ip_address(text)
