"""ASC: whether an autoscaler reads something that follows load."""
