"""Bulk update: other values for what the instances of whole studies say of patient and study.

See docs/decisions/0035-bulk-update.md.
"""
