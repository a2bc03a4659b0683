"""THR: queues, batches and tokens per second."""
