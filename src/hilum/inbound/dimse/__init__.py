"""C-STORE: a data set that came over an association becomes an Arrival, its Outcome a status."""
