"""Start, find again, watch and cancel one execution of the job.

Every step that decides is separate from waiting, so that a task that sleeps and a trigger that awaits
run the same code. This room knows no platform: ``backends`` holds those, each a leaf.
Importing it imports nothing else.
"""
