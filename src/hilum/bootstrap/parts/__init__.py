"""What a process serves, in parts: each opens something, and says what it adds to the whole.

A role is a choice of parts (`hilum.bootstrap.roles`).
"""
