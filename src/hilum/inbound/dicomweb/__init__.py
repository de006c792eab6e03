"""STOW-RS: instances come in over HTTP (PS3.18 section 10.5)."""
