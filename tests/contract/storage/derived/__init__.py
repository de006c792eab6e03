"""The cache of derived objects on a disk."""
