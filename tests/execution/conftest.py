from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud_run_world import CloudRunWorld
from execution_world import World

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.stop_everything()


@pytest.fixture
def cloud(tmp_path) -> Iterator[CloudRunWorld]:
    with CloudRunEmulator() as emulator:
        emulator.dials.grace_seconds = 0.5
        yield CloudRunWorld(emulator=emulator, home=tmp_path)
