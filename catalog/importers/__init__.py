"""Readers of what venues really send: pure parsers, one module per source."""
