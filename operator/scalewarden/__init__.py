"""Scalewarden keeps LLM inference services on Kubernetes from being scaled on a misread metric."""

__version__ = "0.1.0"
