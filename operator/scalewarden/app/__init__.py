"""The processes: operator and guard."""
