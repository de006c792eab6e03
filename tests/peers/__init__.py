"""Programs and libraries of others, and servers of ours for them to talk to."""
