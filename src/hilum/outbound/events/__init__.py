"""Events told to whoever listens over HTTP (server-sent events)."""
