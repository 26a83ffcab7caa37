"""The container's side of a run: environment in; messages, a committed report and an exit code out."""
