"""Measurements of the book's code beside its peers: `python -m bench`."""
