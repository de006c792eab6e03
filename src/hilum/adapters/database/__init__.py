"""The index and the feed in a relational database; `sql_index.SqlIndex` is what bootstrap opens.

Tables are SQLAlchemy Core, made by Alembic migrations. Statements of hot paths are SQL text run on
plain DB-API connections by threads of ours: one thread writes, a few read (ADR 0006, 0007).
"""
