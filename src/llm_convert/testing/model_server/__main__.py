"""Run the server in the foreground: ``python -m llm_convert.testing.model_server --port 8099``.

It prints the lines to export, and answers every call with no rows and a question.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Sequence

from llm_convert.testing.model_server.addresses import SERVICES
from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.server import ModelServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 0."""
    parser = argparse.ArgumentParser(prog="python -m llm_convert.testing.model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes any free one")
    parser.add_argument("--latency-seconds", type=float, default=0.0, help="how long each answer takes")
    parser.add_argument("--service", choices=SERVICES, default="vertex", help="whose lines to print; all are served")
    options = parser.parse_args(arguments)
    with ModelServer(port=options.port, dials=Dials(latency_seconds=options.latency_seconds)) as server:
        stop = threading.Event()
        # Listened for by name: a shell that starts it in the background has it ignore SIGINT otherwise.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: stop.set())
        for name, value in server.environment(options.service).items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        stop.wait()
        answered = sum(record.status == 200 for record in server.ledger)
        sys.stderr.write(f"{server.received} requests, {answered} answered\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
