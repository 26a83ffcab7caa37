"""Leaves, one a provider. Each implements ``ports.ModelProvider``; ``wiring`` alone picks one by its name."""
