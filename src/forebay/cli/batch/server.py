"""The server that a command talks to: its address, its key, and whether it is this machine's."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from yarl import URL

from forebay.cli.batch.endings import CommandRefused


class AddressWrong(CommandRefused):
    """A base URL is none."""

    code = "address_wrong"


class KeyWrong(CommandRefused):
    """A key has a character that no header can have."""

    code = "key_wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that can be asked.

    `place` names it in messages and in the state of a run: its base URL, or the data directory of a
    server that may listen elsewhere the next time. `goes_on` says whether it works on when the
    command has ended.
    """

    url: URL
    key: str | None = field(repr=False)
    place: str
    goes_on: bool = True
    is_local: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether it listens on this machine alone."""
        host = self.url.host or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def base_url(text: str) -> URL:
    """Return a base URL, ending in the version that its paths begin with; raises `AddressWrong`."""
    text = text.strip()
    try:
        if not text.isprintable():
            raise ValueError("it has a line end, or another character without a place in a URL")
        url = URL(text.rstrip("/"))
    except ValueError:
        raise AddressWrong("the base URL is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise AddressWrong("the base URL must begin with http:// or https:// and a host")
    if url.user or url.password or url.query or url.fragment:
        # What it holds is not told: it may be a secret.
        raise AddressWrong("the base URL has more than a host and a path; a key goes to --api-key")
    return url if url.name.startswith("v") and url.name[1:].isdecimal() else url / "v1"


def key_of(text: str, *, source: str) -> str:
    """Return the key that a source such as `--api-key` holds; raises `KeyWrong`, without it."""
    key = text.strip()
    if not key.isascii() or not key.isprintable():
        raise KeyWrong(
            f"the key of {source} has a line end, or another character that no key can have"
        )
    return key
