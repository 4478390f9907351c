"""The URL of a webhook, checked when it is submitted: one that can never be called is refused."""

from __future__ import annotations

import ipaddress

from yarl import URL

from forebay.core.errors import InvalidParameter, NotPermitted
from forebay.lanes.address_guard import AddressGuard

PARAM = "metadata.completion_webhook"
MAX_CHARACTERS = 2048


def check_webhook_url(url: str, guard: AddressGuard, *, param: str = PARAM) -> None:
    """Raise `InvalidParameter` for a URL to which nothing can ever be delivered.

    A host that is a name is checked by the guard when it is resolved, not here. A user's name and
    password in it are refused: a URL is shown and logged, and secrets have fields of their own.
    """
    parts = _parsed(url)
    if parts is None:
        raise InvalidParameter(f"'{param}' must be an http or https URL.", param=param)
    if parts.user is not None or parts.password is not None:
        raise InvalidParameter(f"'{param}' must not hold a user name or a password.", param=param)
    try:
        guard.check_host(parts.raw_host or "")
    except NotPermitted as error:
        raise InvalidParameter(f"'{param}' cannot be called: {error}.", param=param) from None


def _parsed(url: str) -> URL | None:
    # Control characters and blanks would be dropped or escaped by whoever calls the URL.
    if len(url) > MAX_CHARACTERS or not url.isprintable() or " " in url:
        return None
    try:
        parts = URL(url)
        # The port is read when it is asked for, and only then found to be none.
        is_callable = parts.scheme in ("http", "https") and parts.port != 0
        if not is_callable or not parts.raw_host:
            return None
        if ":" in parts.raw_host:
            ipaddress.IPv6Address(parts.raw_host.partition("%")[0])  # anything passes in brackets
        return parts
    except (ValueError, IndexError):
        return None
