"""Forebay: one inference service in front of LLM engines, with three ways to wait for an answer."""

__version__ = "0.1.0"
