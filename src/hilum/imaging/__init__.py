"""The language of images: pure functions from stored frames to pixels and back."""
