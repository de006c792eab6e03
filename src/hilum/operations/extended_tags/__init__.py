"""Extended query tags: managing them, indexing what is held, and removing what a deleted one had.

See docs/decisions/0034-extended-query-tags.md.
"""
