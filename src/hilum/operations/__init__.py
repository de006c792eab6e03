"""Long work in the background: jobs, who runs them, and the works themselves.

A work (`hilum.operations.work.Work`) does one kind of job (`hilum.domain.jobs`), notes how far it
is, and goes on from there after a crash (docs/decisions/0033-operations.md).
"""
