"""One module a rule; each answers Fired, Clear or Unknown about one snapshot. Pure."""
