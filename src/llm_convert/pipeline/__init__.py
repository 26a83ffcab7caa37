"""The steps of a tenant's DAG as plain functions over ports: no Airflow here.

Each reads what the step before left in the store and leaves its own result there, so that any step can be run again;
the same inputs give the same bytes. ``steps.run_step`` is the one entry.
"""
