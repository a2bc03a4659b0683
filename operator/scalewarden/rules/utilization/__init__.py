"""UTL: what a GPU utilization means, and does not mean."""
