"""The address guard: public or allowed addresses only, however they are written."""

from __future__ import annotations

import ipaddress

import pytest

from forebay.core.errors import NotPermitted
from forebay.lanes.address_guard import AddressGuard, GuardedResolver

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::"],
)
def test_a_public_address_may_be_called(address: str) -> None:
    AddressGuard(()).check(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "192.0.0.8",
        "192.88.99.1",
        "198.18.0.1",
        "::",
        "::1",
        "fc00::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "3fff::1",
        "5f00::1",
        "2001:0:1::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:0a00:0001::1",
        "2002:7f00:1::",
        "::10.0.0.1",
        "::127.0.0.1",
    ],
)
def test_an_address_that_is_not_public_may_not_be_called(address: str) -> None:
    with pytest.raises(NotPermitted):
        AddressGuard(()).check(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_an_allowed_network_may_be_called_by_every_way(address: str) -> None:
    AddressGuard(LOOPBACK).check(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "00.0.0.0",
        "134744072",  # 8.8.8.8
    ],
)
def test_an_address_in_another_spelling_is_refused_wherever_it_leads(host: str) -> None:
    everywhere = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    with pytest.raises(NotPermitted, match="spelling"):
        AddressGuard(everywhere).check_host(host)


@pytest.mark.parametrize(
    "host", ["example.com", "example.com.", "1password.example", "0xbad.example", "localhost"]
)
def test_a_name_is_left_to_the_resolver(host: str) -> None:
    AddressGuard(()).check_host(host)


async def test_a_name_that_resolves_to_loopback_is_refused() -> None:
    resolver = GuardedResolver(AddressGuard(()))
    with pytest.raises(NotPermitted):
        await resolver.resolve("localhost", 80)
    await resolver.close()


async def test_a_name_that_resolves_to_an_allowed_address_is_resolved() -> None:
    resolver = GuardedResolver(AddressGuard(LOOPBACK))
    found = await resolver.resolve("localhost", 80)
    await resolver.close()
    assert found
    assert {result["host"] for result in found} <= {"127.0.0.1", "::1"}


async def test_one_address_that_is_not_allowed_spoils_a_name() -> None:
    async def look_up(host: str, family: int) -> list[tuple[int, str]]:
        return [(2, "8.8.8.8"), (2, "10.0.0.1")]

    with pytest.raises(NotPermitted):
        await GuardedResolver(AddressGuard(()), look_up=look_up).resolve("mixed.example", 80)
