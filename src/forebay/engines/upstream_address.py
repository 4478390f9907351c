"""Where an upstream server is, taken from its URL and safe to write into a request's head."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
# `%` stays: what is percent-encoded already is not encoded twice.
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_NAME = re.compile(r"[a-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamAddress:
    """A server and the path under which its routes lie; `path` is encoded, without a last `/`."""

    host: str
    port: int
    is_tls: bool
    path: str

    @classmethod
    def parse(cls, url: str) -> UpstreamAddress:
        """Read `http[s]://host[:port][/path]`; raises `ValueError` for anything else."""
        # urlsplit drops line ends without a word.
        if not url.isprintable():
            raise ValueError(f"{url!r} holds characters that no URL has")
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ValueError("an engine's URL holds no user or password: give a key instead")
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https URL")
        if parts.query or parts.fragment:
            raise ValueError(f"{url!r} has a query or a fragment, which no route can follow")
        return cls(
            host=_checked_host(parts.hostname),
            port=_DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port,
            is_tls=parts.scheme == "https",
            path=quote(parts.path.rstrip("/"), safe=_PATH_SAFE),
        )

    @property
    def root(self) -> UpstreamAddress:
        """The server itself, for routes that lie beside its `/v1`."""
        return replace(self, path=self.path.removesuffix("/v1"))

    def head(self, method: str, route: str) -> str:
        """Return a request's first two lines, for a route that begins with `/`."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == _DEFAULT_PORTS["https" if self.is_tls else "http"]
        port = "" if is_default else f":{self.port}"
        return f"{method} {self.path}{route} HTTP/1.1\r\nHost: {name}{port}\r\n"


def _checked_host(host: str) -> str:
    if ":" in host:
        return str(IPv6Address(host))
    name = host.encode("idna").decode("ascii")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{host!r} is not the name of a host")
    return name
