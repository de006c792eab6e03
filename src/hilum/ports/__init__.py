"""Small Protocols that the use cases need and that adapters provide."""
