"""Uploads that are answered later, over real engines."""
