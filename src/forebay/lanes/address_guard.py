"""Which addresses the server may call on a caller's behalf.

Only public ones, unless the operator allows a network by name. The name is resolved once, and the
connection goes to an address that was checked: a second look-up could answer differently.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from forebay.core.errors import NotPermitted
from forebay.lanes.name_lookup import LookUp, NameLookup

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
RESOLVE_S = 5.0

# Addresses that a network may turn into the IPv4 address of their last 32 bits.
_TRANSLATED = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("::ffff:0:0:0/96"),
    ipaddress.IPv6Network("::/96"),
)
_NEVER_TRANSLATED = (ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1"))

# What lists of special addresses have, and Python's does not, or not in all its versions.
_NOT_PUBLIC: tuple[Network, ...] = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),  # the nearest gateway to 6to4
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # translated as a local network likes
    ipaddress.IPv6Network("3fff::/20"),
    ipaddress.IPv6Network("5f00::/16"),
    ipaddress.IPv6Network("fec0::/10"),
)


class AddressGuard:
    """Tells public or allowed addresses from all others."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed

    def check(self, address: str) -> None:
        """Raise `NotPermitted` unless the address is public, or in an allowed network."""
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
        if isinstance(parsed, ipaddress.IPv6Address):
            parsed = _embedded(parsed) or parsed
        if _is_public(parsed) or _is_in(parsed, self._allowed):
            return
        raise NotPermitted(f"calls to {parsed} are not allowed here")

    def check_host(self, host: str) -> None:
        """Check a host that is written as an address; a name is checked when it is resolved.

        An address in any other than its usual spelling (`127.1`, `0x7f.0.0.1`, `2130706433`,
        `127.0.0.1.`) is refused: what one program reads as a name is an address to another.
        """
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if _is_odd_address(host):
                raise NotPermitted(
                    "calls to an address in such a spelling are not allowed here"
                ) from None
            return
        self.check(host)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not _is_in(address, _NOT_PUBLIC)


def _is_in(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: tuple[Network, ...]
) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_odd_address(host: str) -> bool:
    """Tell whether the system's own parser, or a kinder one, takes this for an IPv4 address."""
    bare = host.rstrip(".")
    if bare.replace(".", "").isdigit():
        return True
    try:
        socket.inet_aton(bare)
    except (OSError, ValueError):
        return False
    return True


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that is called by way of this one, if there is one in it."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NEVER_TRANSLATED or not any(address in network for network in _TRANSLATED):
        return None
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


class GuardedResolver(AbstractResolver):
    """Resolves names for aiohttp and answers with checked addresses only."""

    def __init__(self, guard: AddressGuard, *, look_up: LookUp | None = None) -> None:
        self._guard = guard
        self._names = NameLookup()
        self._look_up = look_up or self._names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; raises `NotPermitted` if any of them is not allowed."""
        async with asyncio.timeout(RESOLVE_S):
            found = await self._look_up(host, family)
        results = []
        for kind, address in found:
            self._guard.check(address)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=kind,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Let go of the threads that look names up."""
        self._names.close()
