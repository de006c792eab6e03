"""The cache of derived objects on a local disk."""
