"""Where samples and objects come from; every failure is wrapped at this edge."""
