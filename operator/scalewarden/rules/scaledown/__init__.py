"""SCL: what a removal would do."""
