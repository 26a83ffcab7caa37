"""The models of all that crosses a boundary. This room imports nothing of ours but ``errors``."""
