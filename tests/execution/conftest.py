from __future__ import annotations

from collections.abc import Iterator

import pytest
from execution_world import World


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.stop_everything()
