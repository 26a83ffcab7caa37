"""The documents that this project makes itself for its demo and its tests, as messy as real ones.

Two made-up companies, two weeks each: the second week has the layouts of the first with new numbers and a few rows
more. The same call writes the same bytes each time, and every total adds up. This room reads nothing and imports
``errors`` alone; libraries that write documents are loaded only while a document is made.

    write_samples(Path("drive"), week=1)
    # drive/c8cd3500/shared_drive/주간손익_2025년11월1주차.xlsx, ...
"""

from __future__ import annotations

from llm_convert.samples.catalogue import SAMPLES, Sample, write_samples
from llm_convert.samples.weeks import WEEKS, Week

__all__ = ["SAMPLES", "WEEKS", "Sample", "Week", "write_samples"]
