"""Bulk import from places outside the archive, asked for over HTTP."""
