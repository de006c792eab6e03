"""Work on pixels in processes of their own (docs/decisions/0014-pixels.md)."""
