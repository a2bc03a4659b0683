"""SIG: whether the numbers may be trusted at all."""
