"""Turn many tenants' messy documents into proven table rows, with a model, every night.

The rooms and who may import whom are in ``docs/design.md``; ``tests/test_imports.py`` holds the table.
"""

__version__ = "0.1.0"
