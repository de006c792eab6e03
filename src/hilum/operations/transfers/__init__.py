"""Export and bulk import: many instances to and from places outside the archive."""
