"""One module a GPU exporter."""
