"""The pieces of revision 0006, one for each concern."""
