"""A job as small as can be on the real wire: messages and a report in the store, and the exit codes of the real one.

FILE_ID says what it does: ``SLOW`` waits for a SIGTERM, ``HALF_BAD`` and ``BAD_SETTING`` fail as the real one does.
"""

import os
import signal
import sys
import time
from datetime import UTC, datetime

from llm_convert import wiring
from llm_convert.contracts import keys
from llm_convert.contracts.messages import Closed, ItemDone, Log, Opened, Progress
from llm_convert.contracts.report import ItemReport, Report
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.objects import create_model, to_jsonl
from llm_convert.settings import Settings

TENANT, BSDA, WISH = os.environ["TENANT_CODE"], os.environ["BSDA"], os.environ.get("FILE_ID", "")
EXIT_CODES = {"HALF_BAD": 65, "BAD_SETTING": 78}
USAGE = Usage(calls=3, cost_microusd=12_345)
DONE = {"document": "가.xlsx", "sha256": "a", "work_item": "1", "outcome": Outcome.SUCCEEDED, "rows": 1204}
FAILED = {"document": "나.pdf", "sha256": "b", "work_item": "2", "outcome": Outcome.FAILED}
ITEMS = (
    ItemReport(source="s1", usage=USAGE, **DONE),
    ItemReport(source="s1", cause=Cause.TOTALS_DISAGREE, detail="the secret 12,345 is not 12,346", **FAILED),
)


def main():
    settings = Settings.from_environment()
    store = wiring.open_store(settings)
    started = datetime.now(UTC).isoformat()
    code = EXIT_CODES.get(WISH, 0)

    def send(batch, *messages):
        data = to_jsonl(list(messages))
        store.create(keys.message_batch(TENANT, BSDA, settings.run_id, task=0, attempt=0, batch=batch), data)

    def stop(*_):
        send(1, Closed(sequence=1, at=started, exit_code=75, reason="asked to stop", items=0))
        sys.exit(75)

    signal.signal(signal.SIGTERM, stop)
    common = {"run_id": settings.run_id, "tenant": TENANT, "bsda": BSDA, "provider": "rules"}
    send(0, Opened(sequence=0, at=started, items=len(ITEMS), **common))
    if WISH == "SLOW":
        time.sleep(60)
    send(
        1,
        *(ItemDone(sequence=n, at=started, item=item) for n, item in enumerate(ITEMS, start=1)),
        Progress(sequence=3, at=started, done=2, total=2, rows=1204, usage=USAGE, seconds_left=0),
        Log(sequence=4, at=started, level="warning", text="this model retires soon"),
    )
    if code != 78:
        report = Report(started_at=started, finished_at=started, items=ITEMS, usage=USAGE, **common)
        create_model(store, keys.report(TENANT, BSDA, settings.run_id), report)
    send(2, Closed(sequence=5, at=started, exit_code=code, reason="" if code == 0 else "too many failed", items=2))
    sys.exit(code)


main()
