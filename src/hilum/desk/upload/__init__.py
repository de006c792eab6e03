"""The page at `/upload`: plain HTML, with a script of its own that needs no framework."""
