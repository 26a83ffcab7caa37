"""Contract test suites of the ports, as classes.

An adapter's own test module is a fixture and an empty subclass:

    from llm_convert.testing.contracts.object_store import ObjectStoreContract

    class TestMyStore(ObjectStoreContract):
        @pytest.fixture
        def store(self):
            return MyObjectStore(...)        # empty, for one test alone

They need ``pytest``, and the warehouse's needs ``pyarrow``; nothing outside of tests imports them.
"""

import pytest

# So that a failing assertion in an adapter's test run shows its values.
for _suite in ("object_store", "warehouse", "job_backend", "model_provider"):
    pytest.register_assert_rewrite(f"{__name__}.{_suite}")
