"""The demo door: a few believable studies, made of numbers, of people who do not exist."""
