"""``llm-convert eval``: what prompts score on their golden cases, and what got worse since an earlier evaluation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_convert.contracts.prompt import Prompt
    from llm_convert.evaluation import Case, CaseScore, EvalReport
    from llm_convert.settings import Settings

NAME = "eval"
HELP = """\
Convert the golden cases of prompts and score the rows: exact rows, cells, calls, cost and time.

Writes report.json and report.md. With --against an earlier report.json it exits with 65 when a single cell that was
right is not any more. Exits with 78 or 75 when a case could not be converted at all."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("prompts", metavar="PROMPT_ID", nargs="*", help="default: all that have cases")
    parser.add_argument(
        "--provider",
        metavar="NAMES",
        action="append",
        help="a chain such as vertex,ollama; may be given again; default: LLM_CONVERT_PROVIDER",
    )
    parser.add_argument(
        "--cases", metavar="FOLDER", type=Path, help="default: cases/ beside the prompts, and the built-in ones"
    )
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="of the report; default: eval/ in LLM_CONVERT_HOME")
    parser.add_argument("--against", metavar="REPORT.json", type=Path, help="an earlier report to compare with")
    parser.add_argument(
        "--only-recorded",
        action="store_true",
        help="ask nobody: answer from LLM_CONVERT_RECORDINGS in each one's place",
    )
    parser.add_argument(
        "--accept", action="store_true", help="write what comes out as the expected rows of cases that have none"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Evaluate; the exit code says whether something got worse, or could not be evaluated."""
    from llm_convert import wiring
    from llm_convert.cli.eval_report import tell
    from llm_convert.cli.evaluating import convert_cases, replay_of, score_of
    from llm_convert.settings import Settings

    settings = Settings.from_environment()
    before = None if arguments.against is None else _read(arguments.against)
    cases = _cases(arguments, settings)
    providers = list(dict.fromkeys(arguments.provider or [settings.provider]))
    if arguments.only_recorded:
        providers = list(map(replay_of, providers))
    if arguments.accept:
        return _accept(cases, settings, providers)
    _check_expected(cases)
    out = _made(arguments.out or settings.home / "eval")
    scores = tuple(map(score_of, convert_cases(cases, settings, providers)))
    report = _report(scores, wiring.open_clock().now().isoformat(timespec="seconds"))
    return tell(report, before, out)


def _cases(arguments: argparse.Namespace, settings: Settings) -> list[tuple[Case, Prompt]]:
    from llm_convert import wiring
    from llm_convert.errors import ConfigurationError
    from llm_convert.evaluation import cases_of
    from llm_convert.prompts.reading import BUILTIN

    library = wiring.open_prompts(settings)
    homes = [folder / "cases" for folder in (settings.prompts_folder, BUILTIN) if folder is not None]
    folders = homes if arguments.cases is None else [arguments.cases]
    found = []
    for prompt_id in dict.fromkeys(arguments.prompts or library.prompt_ids):
        prompt = library.get(prompt_id)
        cases = cases_of(folders, prompt_id)
        if not cases and arguments.prompts:
            raise ConfigurationError(
                f"the prompt {prompt_id} has no golden case in {', '.join(map(str, folders))}",
                remedy=f"Put a document into {folders[0] / prompt_id}/NAME/ and run llm-convert eval --accept.",
            )
        found += [(case, prompt) for case in cases]
        if not cases:
            print(f"{prompt_id} has no golden case")
    if not found:
        raise ConfigurationError(
            f"there are no golden cases in {', '.join(map(str, folders))}", remedy="Name another folder with --cases."
        )
    return found


def _made(folder: Path) -> Path:
    """The report's folder, made before anything is paid."""
    from llm_convert.errors import ConfigurationError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the report's folder {folder} can't be made: {error.strerror}", remedy="Name another one with --out."
        ) from None
    return folder


def _check_expected(cases: list[tuple[Case, Prompt]]) -> None:
    """Before anything is paid: expected rows that can't be read would waste the calls."""
    from llm_convert.evaluation import expected_rows

    for case, prompt in cases:
        expected_rows(case, prompt)


def _accept(cases: list[tuple[Case, Prompt]], settings: Settings, providers: list[str]) -> int:
    from llm_convert.cli.evaluating import convert_cases
    from llm_convert.contracts.work import Failure
    from llm_convert.errors import EXIT_DATA, EXIT_OK, ConfigurationError
    from llm_convert.evaluation import write_expected

    if len(providers) != 1:
        raise ConfigurationError(f"--accept takes one provider, found {len(providers)}", remedy="Name one.")
    new = [(case, prompt) for case, prompt in cases if not case.accepted]
    code, written = EXIT_OK, 0
    for converted in convert_cases(new, settings, providers) if new else ():
        case, ending = converted.case, converted.done.ending
        if isinstance(ending, Failure):
            print(f"{case.label}: nothing to accept: {ending.outcome.value}, {ending.said}")
            code = EXIT_DATA
            continue
        path = write_expected(case, ending.rows, converted.prompt)
        written += 1
        kept_back = f"; {len(ending.quarantined)} more are quarantined" if ending.quarantined else ""
        print(f"{case.label}: {len(ending.rows)} rows written to {path}{kept_back}")
    said = "A person must compare them with the documents, value by value, and rename each file to expected.csv."
    print(said if written else "no case without expected rows gave any")
    return code


def _report(scores: tuple[CaseScore, ...], made_at: str) -> EvalReport:
    from llm_convert import __version__
    from llm_convert.evaluation import EvalReport

    return EvalReport(made_at=made_at, package=__version__, cases=scores)


def _read(path: Path) -> EvalReport:
    from llm_convert.cli.conversions import bytes_of
    from llm_convert.evaluation import EvalReport

    return EvalReport.read(bytes_of(path).decode("utf-8", "replace"), where=str(path))
