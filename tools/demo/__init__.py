"""The demo: unsafe scale-downs refused on a real control plane, told step by step."""
