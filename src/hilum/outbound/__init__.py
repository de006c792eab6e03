"""Doors out: each turns a question in a protocol into a use case and its answer back."""
