"""Export to places outside the archive, asked for over HTTP."""
