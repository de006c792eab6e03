"""What became of uploads: asked once, listened to, and written by other programs."""
