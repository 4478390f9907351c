"""What a dialect asks of whoever seals the thinking that callers carry for us."""

from __future__ import annotations

from typing import Protocol


class Cipher(Protocol):
    """Seals texts that a caller keeps and sends back, and cannot read.

    Sealing is deterministic: a stream and the final object show the same.
    """

    def within(self, project_id: str) -> Cipher:
        """Return the cipher of one project, which opens no other's seals."""
        ...

    def seal(self, text: str) -> str:
        """Return the text, sealed, in characters that any JSON string can carry."""
        ...

    def unseal(self, text: str) -> str | None:
        """Return what was sealed; None for anything that was not sealed here."""
        ...
