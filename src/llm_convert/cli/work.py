"""``llm-convert work``: calls of a tenant that no reply was seen of, and what they can have cost."""

from __future__ import annotations

import argparse
import json

from llm_convert.cli.tables import format_table

NAME = "work"
HELP = "List a tenant's calls that are under way or in doubt, each with its highest possible cost."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("tenant", metavar="TENANT_CODE")
    parser.add_argument("--in-doubt", action="store_true", help="leave out what is still under way")
    parser.add_argument("--json", action="store_true", help="one JSON object a call")


def execute(arguments: argparse.Namespace) -> int:
    """Print them."""
    from llm_convert import wiring
    from llm_convert.claims.open_calls import open_calls
    from llm_convert.contracts.report import format_usd
    from llm_convert.settings import Settings

    store, clock = wiring.open_store(Settings.from_environment()), wiring.open_clock()
    found = [
        call for call in open_calls(store, arguments.tenant, clock.now()) if call.in_doubt or not arguments.in_doubt
    ]
    if arguments.json:
        for call in found:
            print(json.dumps({"in_doubt": call.in_doubt, **call.call.model_dump(mode="json")}, ensure_ascii=False))
        return 0
    header = ["work item", "call", "state", "provider", "model", "sent at", "at most USD"]
    rows = [
        [
            call.call.work_item,
            str(call.call.call),
            "in doubt" if call.in_doubt else "under way",
            call.call.provider,
            call.call.model,
            call.call.sent_at[:19],
            format_usd(call.call.worst_case_microusd),
        ]
        for call in found
    ]
    if rows:
        print(format_table(header, rows))
    most = format_usd(sum(call.call.worst_case_microusd for call in found if call.in_doubt))
    doubtful = sum(call.in_doubt for call in found)
    print(f"{len(found) - doubtful} under way; {doubtful} in doubt, {most} USD at most")
    return 0
