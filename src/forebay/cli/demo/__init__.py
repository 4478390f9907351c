"""`forebay demo`: a service of its own, the three modes through the official SDKs, and the bill."""
