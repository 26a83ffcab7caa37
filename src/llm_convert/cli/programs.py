"""``llm-convert programs``: conversion programs, from what a model is sent to write one to what is kept of a tenant."""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from llm_convert.cli.tables import format_table

if TYPE_CHECKING:
    from llm_convert.cli.program_runs import Tried
    from llm_convert.contracts.prompt import Prompt
    from llm_convert.programs import KeptProgram, ProgramStore

NAME = "programs"
HELP = """\
Conversion programs: a layout's meaning as data, written once, run by code ever after.

brief prints what a model would be sent to write one, try runs one from a file; the others look at and change those that
are kept for a tenant."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    brief = actions.add_parser("brief", help="exactly what a model is sent: instruction, target, view of the file")
    brief.add_argument("prompt", metavar="PROMPT_ID")
    brief.add_argument("file", type=Path)

    try_ = actions.add_parser("try", help="run a program from a file: its rows, and what to tell its writer")
    try_.add_argument("file", type=Path)
    _add_program(try_)
    try_.add_argument("--format", choices=("csv", "json"), default="csv", help="of the rows, on standard output")

    keep = actions.add_parser("keep", help="run a program on a document of its layout and keep it for a tenant")
    keep.add_argument("tenant", metavar="TENANT_CODE")
    keep.add_argument("file", type=Path)
    _add_program(keep)
    keep.add_argument("--pin", action="store_true", help="nothing replaces it")

    listing = actions.add_parser("list", help="the kept programs of a tenant")
    listing.add_argument("tenant", metavar="TENANT_CODE")
    listing.add_argument("--prompt", metavar="PROMPT_ID", default="")

    for name, said in (
        ("show", "one as YAML; also how it is exported"),
        ("pin", "have nothing replace it"),
        ("unpin", "let it be replaced again"),
        ("forget", "keep it no longer"),
    ):
        _add_kept(actions.add_parser(name, help=said))
    diff = actions.add_parser("diff", help="how two kept programs, and their layouts, differ")
    _add_kept(diff)
    diff.add_argument("other", metavar="OTHER_ID")
    edit = actions.add_parser("edit", help="open one in $EDITOR, run it on a document, and keep it when it fits")
    _add_kept(edit)
    edit.add_argument("file", type=Path, help="a document of its layout")


def _add_program(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prompt", metavar="PROMPT_ID", required=True)
    parser.add_argument("--program", metavar="FILE", type=Path, required=True, help="JSON or YAML")


def _add_kept(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tenant", metavar="TENANT_CODE")
    parser.add_argument("prompt", metavar="PROMPT_ID")
    parser.add_argument("id", metavar="ID", help="or its first characters")


def execute(arguments: argparse.Namespace) -> int:
    """Do it."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "brief": _brief,
        "try": _try,
        "keep": _keep,
        "list": _list,
        "show": _show,
        "diff": _diff,
        "pin": lambda given: _pin(given, pinned=True),
        "unpin": lambda given: _pin(given, pinned=False),
        "forget": _forget,
        "edit": _edit,
    }
    return actions[arguments.action](arguments)


def _brief(arguments: argparse.Namespace) -> int:
    from llm_convert.cli.program_runs import read_file
    from llm_convert.programs import brief

    print(brief(_prompt(arguments.prompt), read_file(arguments.file, styles=True)))
    return 0


def _try(arguments: argparse.Namespace) -> int:
    from llm_convert.cli.program_runs import print_rows, try_program
    from llm_convert.errors import EXIT_DATA

    prompt = _prompt(arguments.prompt)
    tried = try_program(_text_of(arguments.program), prompt, arguments.file)
    print_rows(tried, prompt, arguments.format)
    print(tried.told, file=sys.stderr)
    return 0 if tried.good else EXIT_DATA


def _keep(arguments: argparse.Namespace) -> int:
    from llm_convert.cli.program_runs import try_program

    prompt = _prompt(arguments.prompt)
    tried = try_program(_text_of(arguments.program), prompt, arguments.file)
    return _keep_tried(arguments.tenant, prompt, tried, before=None, pinned=arguments.pin)


def _keep_tried(tenant: str, prompt: Prompt, tried: Tried, *, before: KeptProgram | None, pinned: bool) -> int:
    from llm_convert import wiring
    from llm_convert.errors import EXIT_DATA
    from llm_convert.programs import PERSON, Provenance, keep

    print(tried.told, file=sys.stderr)
    if tried.run is None or not tried.good:
        print("it is not kept: not every row is proven", file=sys.stderr)
        return EXIT_DATA
    now = wiring.open_clock().now().isoformat(timespec="seconds")
    provenance = Provenance(written_by=PERSON, at=now, document_sha256=tried.document.sha256)
    kept = keep(tried.run, prompt, provenance, before=before, pinned=pinned)
    if not _store(tenant).put(kept):
        print(f"{kept.id} is pinned; unpin it first", file=sys.stderr)
        return EXIT_DATA
    print(f"kept as {kept.id}, version {kept.version}: {len(tried.rows)} rows, all proven")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    rows = [
        [
            kept.prompt_id,
            kept.id + (" (pinned)" if kept.pinned else ""),
            str(kept.version),
            kept.provenance.written_by,
            kept.provenance.at[:16],
            str(kept.proven_on),
            str(len(kept.program.get("tables", ()))),
        ]
        for kept in _store(arguments.tenant).all(arguments.prompt)
    ]
    if not rows:
        print(f"no programs are kept for {arguments.tenant}")
        return 0
    print(format_table(["PROMPT_ID", "id", "version", "written by", "at (UTC)", "documents", "tables"], rows))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    kept = _found(arguments, arguments.id)
    print(f"# {kept.id}, version {kept.version}, by {kept.provenance.written_by} at {kept.provenance.at}")
    print(f"# for the document {kept.provenance.document_sha256[:16]}, proven on {kept.proven_on}")
    print(_yaml(kept), end="")
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    from llm_convert.programs import differences

    one, other = _found(arguments, arguments.id), _found(arguments, arguments.other)
    lines = difflib.unified_diff(_yaml(one).splitlines(), _yaml(other).splitlines(), one.id, other.id, lineterm="", n=2)
    for line in lines:
        print(line)
    for line in differences(one.layout, other.layout):
        print(f"layout: {line}")
    return 0


def _pin(arguments: argparse.Namespace, *, pinned: bool) -> int:
    from llm_convert import wiring
    from llm_convert.contracts import keys
    from llm_convert.objects import overwrite
    from llm_convert.settings import Settings

    kept = _found(arguments, arguments.id).model_copy(update={"pinned": pinned})
    store = wiring.open_store(Settings.from_environment())
    overwrite(store, f"{keys.programs(arguments.tenant, kept.prompt_id)}{kept.id}.json", kept.to_json())
    print(f"{kept.id} is {'pinned' if pinned else 'not pinned'}")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    kept = _found(arguments, arguments.id)
    _store(arguments.tenant).forget(kept)
    print(f"{kept.id} is forgotten")
    return 0


def _edit(arguments: argparse.Namespace) -> int:
    from llm_convert.cli.program_runs import try_program

    kept, prompt = _found(arguments, arguments.id), _prompt(arguments.prompt)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{kept.prompt_id}.yaml"
        path.write_text(_yaml(kept), encoding="utf-8")
        subprocess.run([*shlex.split(os.environ.get("EDITOR", "vi")), str(path)], check=True)
        text = path.read_text(encoding="utf-8")
    if text == _yaml(kept):
        print("nothing was changed")
        return 0
    tried = try_program(text, prompt, arguments.file)
    code = _keep_tried(arguments.tenant, prompt, tried, before=kept, pinned=kept.pinned)
    if code == 0 and tried.run is not None:
        _drop_replaced(arguments.tenant, kept, tried)
    return code


def _drop_replaced(tenant: str, kept: KeptProgram, tried: Tried) -> None:
    """An edited program may see its layout differently: then the old one would still be found beside it."""
    from llm_convert.programs import fingerprint

    assert tried.run is not None
    if fingerprint(tried.run).digest != kept.id:
        _store(tenant).forget(kept)


def _found(arguments: argparse.Namespace, beginning: str) -> KeptProgram:
    from llm_convert.errors import ConfigurationError

    all_kept = _store(arguments.tenant).all(arguments.prompt)
    found = [kept for kept in all_kept if kept.id.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(kept.id for kept in all_kept) or "none"
    said = "several programs begin" if found else "no kept program begins"
    raise ConfigurationError(f"{said} with {beginning!r}", remedy=f"Kept for {arguments.prompt}: {known}.")


def _store(tenant: str) -> ProgramStore:
    from llm_convert import wiring
    from llm_convert.programs import ProgramStore
    from llm_convert.settings import Settings

    return ProgramStore(wiring.open_store(Settings.from_environment()), tenant)


def _prompt(prompt_id: str) -> Prompt:
    from llm_convert import wiring
    from llm_convert.settings import Settings

    return wiring.open_prompts(Settings.from_environment()).get(prompt_id)


def _yaml(kept: KeptProgram) -> str:
    from llm_convert.programs import load_program

    return load_program(kept.program).to_yaml()


def _text_of(path: Path) -> str:
    from llm_convert.errors import ConfigurationError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}", remedy="Name a program in JSON or YAML.") from None
