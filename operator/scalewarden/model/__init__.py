"""The words of Scalewarden as frozen types; imports nothing of ours but itself."""
