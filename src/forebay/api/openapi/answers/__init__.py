"""What the API answers with, as types: the dialects write, these describe, tests compare."""
