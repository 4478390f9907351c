"""Who runs next: pure policy, and the dispatcher that carries it out."""
