"""The wire: routes, keys and connections."""
