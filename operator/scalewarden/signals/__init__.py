"""From samples to canonical signals: names, units, windows, rates and quantiles. Pure."""
