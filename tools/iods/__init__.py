"""How tools/iod_tables.py reads what others made of PS3.3."""
