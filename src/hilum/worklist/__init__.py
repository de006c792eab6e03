"""Work items (PS3.4 annex CC): the one store behind UPS-RS and, over DIMSE, worklists.

Use cases over `hilum.ports.worklist`; docs/decisions/0037-worklist.md.
"""
