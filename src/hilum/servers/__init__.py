"""Transports: a port is opened here and nowhere else."""
