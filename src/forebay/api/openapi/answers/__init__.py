"""What the API answers with, as types. They describe; the dialects write. Tests hold them together."""
