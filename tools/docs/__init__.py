"""Generators of committed files: each writes what it owns, or with --check says what is out of date."""
