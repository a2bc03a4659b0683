"""Manifests as people commit them: files, folders, streams, and the line of every value in them."""
