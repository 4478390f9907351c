"""Stop strings, looked for in decoded text.

An engine that writes JSON would find them in the JSON's own characters, and miss those that JSON
escapes; so it is not told of them.
"""

from __future__ import annotations


class StopStrings:
    """Cuts text that comes in pieces before the first of the caller's stop strings.

    `matched` is the one that was found; wherever the text is split, it is the same.
    """

    def __init__(self, stop: object) -> None:
        stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
        self._stops = [text for text in stops if isinstance(text, str) and text]
        self._held = ""
        self.matched: str | None = None

    def feed(self, text: str) -> str:
        """Return what no stop string can begin in; the rest is held back."""
        if not self._stops:
            return text
        if self.matched is not None:
            return ""
        text = self._held + text
        # The first to be whole, as if the text had come character by character.
        found = [(at + len(stop), at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            _, at, self.matched = min(found)
            self._held = ""
            return text[:at]
        keep = max(_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """Return what was held back: the text has ended, and no stop string with it."""
        rest, self._held = self._held, ""
        return rest


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that `stop` begins with."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
