"""What the replicas that stay would carry if others were removed. Pure."""
