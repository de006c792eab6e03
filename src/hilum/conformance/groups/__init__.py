"""The checks, a module for each group; `hilum.conformance.listing` puts them in order."""
