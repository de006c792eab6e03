"""Engines over TLS, with a login."""
