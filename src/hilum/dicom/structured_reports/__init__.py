"""Structured reports (PS3.3 C.17) as documents for people: HTML and plain text."""
