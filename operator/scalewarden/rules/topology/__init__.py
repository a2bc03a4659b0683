"""TOP: tensor parallelism, the link between GPUs, slices."""
