"""Warehouses: leaves that implement ``ports.Warehouse``, one module a kind. Nothing here makes or proves rows."""
