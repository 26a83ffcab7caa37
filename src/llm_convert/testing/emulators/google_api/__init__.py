"""What Google's REST and gRPC front ends share: error bodies, status codes, paging, transcoding, faults on demand.

Emulators build on it; it knows no service. Nothing here is for production code.
"""

from __future__ import annotations

from llm_convert.testing.emulators.google_api.errors import ApiError, LostResponseError
from llm_convert.testing.emulators.google_api.faults import Faults

__all__ = ["ApiError", "Faults", "LostResponseError"]
