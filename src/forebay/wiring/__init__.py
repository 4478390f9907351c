"""The only place that names concrete classes: from settings to a running service."""
