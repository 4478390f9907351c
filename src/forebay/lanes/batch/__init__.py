"""Batches: files of many requests, run as segments and collected as chunks."""
