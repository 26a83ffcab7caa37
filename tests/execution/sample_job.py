"""A real job for tests: STORE, then what to do in order, such as ``open:2 item item report:2 close:0:2``."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from execution_world import BSDA, TENANT, item, report

from llm_convert.clock import SystemClock
from llm_convert.contracts import keys
from llm_convert.job.messages import MessageWriter
from llm_convert.settings import TaskPlace
from llm_convert.stores.local import LocalObjectStore

store = LocalObjectStore(Path(sys.argv[1]))
run_id = os.environ["LLM_CONVERT_RUN_ID"]
code = 0
with MessageWriter(
    store, TENANT, BSDA, run_id, task=TaskPlace.from_environment(), clock=SystemClock(), flush_seconds=0.05
) as writer:
    for number, step in enumerate(sys.argv[2:]):
        verb, *values = step.split(":")
        if verb == "open":
            writer.opened(tenant=TENANT, bsda=BSDA, provider="rules", items=int(values[0]))
        elif verb == "item":
            writer.item(item(number))
        elif verb == "report":
            lines = [item(n) for n in range(int(values[0]))]
            store.create(keys.report(TENANT, BSDA, run_id), report(run_id, *lines).to_json())
        elif verb == "close":
            code = int(values[0])
            writer.closed(exit_code=code, items=int(values[1]), reason=values[2] if len(values) > 2 else "")
        elif verb == "flush":
            writer.flush()
        elif verb == "sleep":
            time.sleep(float(values[0]))
        elif verb == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "vanish":
            writer.flush()
            os._exit(0)
sys.exit(code)
