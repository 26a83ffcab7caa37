"""``python -m llm_convert.job``: the container's entry."""

import signal
import sys
from types import FrameType

from llm_convert.errors import EXIT_TRY_AGAIN


def _stop_before_work(_number: int, _frame: FrameType | None) -> None:
    """As a container's first process Python ignores SIGTERM until somebody listens, and imports take a second."""
    sys.exit(EXIT_TRY_AGAIN)


signal.signal(signal.SIGTERM, _stop_before_work)

from llm_convert.job.main import main  # noqa: E402 - the handler comes first
from llm_convert.job.memory import use_one_arena  # noqa: E402

use_one_arena()
sys.exit(main())
