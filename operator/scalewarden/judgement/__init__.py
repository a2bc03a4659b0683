"""Findings to diagnosis, what-if and verdict; one pure `decide`."""
