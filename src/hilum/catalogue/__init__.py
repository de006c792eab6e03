"""Questions asked of the archive: search, retrieve, delete, and the archive's own checks."""
