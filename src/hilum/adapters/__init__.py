"""Engines: one package each, imported by bootstrap alone."""
