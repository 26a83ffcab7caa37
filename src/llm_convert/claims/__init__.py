"""Who does which work item, and what came of it: states as objects, so that any process can stop at any moment.

``tenants/<tenant>/items/<id>/`` holds ``claim.json`` while somebody works, then ``reply.json``, then ``result.json`` or
``failure.json``. This room calls no model and reads no document.
"""
