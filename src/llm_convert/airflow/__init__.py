"""Airflow's side: a tenant's DAG, its operators, timetable, links and plugin.

Nobody imports this room. Parsing a DAG file through it loads no document, model, warehouse or vendor library: whatever
needs one is imported when a task executes.
"""
