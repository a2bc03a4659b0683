"""Which addresses are never asked, whatever a pod's status says.

Kubelets write podIP, and not every kubelet is honest: a page that is fetched from a node's own or a cloud's metadata
address would carry its answer into events and logs. Loopback is allowed: on a real node nothing but the operator's own
pod is there, and a control plane on one machine has its pods there.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")))
"""Metadata services that are not link-local: Alibaba, Azure, AWS over IPv6."""
_NAT64 = ip_network("64:ff9b::/96")


def refused(text: str) -> str | None:
    """What kind of address it is, where it is one that is never asked; None for any other."""
    try:
        address = ip_address(text)
    except ValueError:
        return "a host name as its address"
    for one in (address, *_inside(address)):
        if one.is_link_local or one in _METADATA:
            return "a link-local or metadata address"
        if one.is_multicast or one.is_unspecified or one == IPv4Address("255.255.255.255"):
            return "a multicast or unspecified address"
    return None


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return []
    nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return [one for one in (address.ipv4_mapped, address.sixtofour, nat64) if one is not None]
