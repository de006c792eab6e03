"""A process of its own that puts objects and commits rows, out of the way of the event loop."""
