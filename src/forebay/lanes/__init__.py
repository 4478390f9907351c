"""How callers wait: the use cases of realtime, background and batch."""
