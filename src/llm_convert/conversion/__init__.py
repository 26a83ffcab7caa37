"""One work item to proven rows: read, ask, store the reply, prove, check.

This room decides nothing about runs: it never looks at a manifest, and it ends in a ``Result`` or a ``Failure``.
"""
