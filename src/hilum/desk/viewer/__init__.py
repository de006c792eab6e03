"""The viewer that is served beside the archive: a static build of OHIF, and its configuration."""
