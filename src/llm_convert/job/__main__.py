"""``python -m llm_convert.job``: the container's entry."""

import sys

from llm_convert.job.main import main

sys.exit(main())
