"""Clients of programs of others, where their libraries need help; engines share them."""
