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

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
RESOLVE_S = 5.0

# Addresses that a network may turn into the IPv4 address of their last 32 bits.
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_NEVER_TRANSLATED = (ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1"))


class AddressGuard:
    """Tells public or allowed addresses from all others."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed

    def check(self, address: str) -> None:
        """Raise `NotPermitted` unless the address is public, or in an allowed network."""
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
        if isinstance(parsed, ipaddress.IPv6Address):
            parsed = _embedded(parsed) or parsed
        if parsed.is_global and not parsed.is_multicast:
            return
        if any(
            parsed.version == network.version and parsed in network for network in self._allowed
        ):
            return
        raise NotPermitted(f"calls to {parsed} are not allowed here")

    def check_host(self, host: str) -> None:
        """Check a host that is written as an address; a name is checked when it is resolved."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        self.check(host)


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

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; raises `NotPermitted` if any of them is not allowed."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results = []
        for kind, _, protocol, _, address in found:
            self._guard.check(str(address[0]))
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=kind,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is held."""
