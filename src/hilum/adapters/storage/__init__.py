"""Engines of the storage ports on a local disk: objects, spool, write intents."""
