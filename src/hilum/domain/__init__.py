"""Frozen types and typed errors: standard library only, no wire, no engine."""
