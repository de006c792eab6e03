"""Engines of `hilum.ports.sinks`: one module each, which alone imports the engine's library."""
