"""Doors in: each turns a protocol into Arrivals and outcomes back into the protocol."""
