"""The URL of a webhook, checked when it is submitted: one that can never be called is refused."""

from __future__ import annotations

from yarl import URL

from forebay.core.errors import InvalidParameter, NotPermitted
from forebay.lanes.address_guard import AddressGuard

PARAM = "metadata.completion_webhook"


def check_webhook_url(url: str, guard: AddressGuard) -> None:
    """Raise `InvalidParameter` for a URL to which nothing can ever be delivered.

    A host that is a name is checked by the guard when it is resolved, not here.
    """
    host = _host(url)
    if host is None:
        raise InvalidParameter(f"'{PARAM}' must be an http or https URL.", param=PARAM)
    try:
        guard.check_host(host)
    except NotPermitted as error:
        raise InvalidParameter(f"'{PARAM}' cannot be called: {error}.", param=PARAM) from None


def _host(url: str) -> str | None:
    # Control characters and blanks would be dropped or escaped by whoever calls the URL.
    if not url.isprintable() or " " in url:
        return None
    try:
        parts = URL(url)
        # The port is read when it is asked for, and only then found to be none.
        is_callable = parts.scheme in ("http", "https") and parts.port != 0
        return parts.host or None if is_callable else None
    except ValueError:
        return None
