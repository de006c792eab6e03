"""The feed as the Azure DICOM service shows it: pages of entries, with metadata."""
