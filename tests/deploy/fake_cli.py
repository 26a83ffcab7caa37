#!/usr/bin/env python3
"""Stands in for ``gcloud`` and ``bq``: writes down every call, and remembers what was created."""

import json
import os
import sys
from pathlib import Path

FOLDER = Path(os.environ["FAKE_CLI_FOLDER"])
MADE = FOLDER / "made"
arguments = [Path(sys.argv[0]).name, *sys.argv[1:]]
call = {"arguments": arguments}
if arguments[1:4] == ["run", "jobs", "replace"]:
    call["file"] = Path(arguments[4]).read_text(encoding="utf-8")
if "--update-pypi-packages-from-file" in arguments:
    call["file"] = Path(arguments[arguments.index("--update-pypi-packages-from-file") + 1]).read_text(encoding="utf-8")
with (FOLDER / "calls.jsonl").open("a", encoding="utf-8") as out:
    out.write(json.dumps(call) + "\n")


def resource(verb: str) -> str:
    """What is looked at or made; an account is made by its short name and looked at by its address."""
    at = arguments.index(verb)
    name = arguments[-1] if arguments[0] == "bq" else arguments[at + 1]
    return f"{name.partition('@')[0]}"


if os.environ.get("FAKE_CLI_PRINTS") and "describe" in arguments:
    sys.stdout.write(os.environ["FAKE_CLI_PRINTS"])
    sys.exit(0)
made = set(MADE.read_text(encoding="utf-8").splitlines()) if MADE.exists() else set()
for verb in ("describe", "show"):
    if verb in arguments:
        sys.exit(0 if resource(verb) in made else 1)
for verb in ("create", "mk"):
    if verb in arguments:
        if resource(verb) in made:
            sys.exit("it exists already")
        MADE.write_text("\n".join(sorted({*made, resource(verb)})), encoding="utf-8")
if os.environ.get("FAKE_CLI_SAYS") and "update" in arguments:
    sys.exit(os.environ["FAKE_CLI_SAYS"])
