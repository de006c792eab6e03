"""What tools/validation_page.py is made of."""
