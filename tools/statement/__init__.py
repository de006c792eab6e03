"""What tools/conformance_statement.py puts together: prose by hand, tables from the code."""
