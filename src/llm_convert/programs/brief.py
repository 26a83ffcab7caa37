"""What a model is sent to write a program: the instruction, the target and the views."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from llm_convert.contracts.checks import BalanceCheck, PercentCheck, RangeCheck, SumCheck, UniqueCheck
from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import OutputField, Prompt
from llm_convert.programs.language import Program
from llm_convert.programs.reference import reference
from llm_convert.programs.run import Run
from llm_convert.programs.view import view


@cache
def instruction() -> str:
    """The instruction, the same for every tenant and prompt, so that a service may cache it."""
    text = files("llm_convert.programs").joinpath("instruction.md").read_text(encoding="utf-8")
    return text.replace("{{reference}}", reference())


def brief(prompt: Prompt, document: Document) -> str:
    """Everything that a model is sent for a first program."""
    return "\n\n".join([instruction(), target_text(prompt), f"# The file {document.name!r}\n{view(document)}"])


def target_text(prompt: Prompt) -> str:
    """The target: what the prompt says, its fields with their meaning, and what its checks expect."""
    output = prompt.output
    lines = ["# The target", prompt.instructions.strip(), "", "Fields:"]
    lines += [_field(field) for field in output.fields]
    if output.skip:
        lines.append(f"Lines and columns that are no data: {', '.join(output.skip)}")
    for check in prompt.checks:
        match check:
            case UniqueCheck():
                lines.append(f"No two rows agree in {', '.join(check.fields)}.")
            case SumCheck():
                totals = ", ".join(check.totals)
                lines.append(
                    f"Totals are rows whose {check.label} is {totals}: declare sum checks, which take care of them,"
                    " whatever is said above about totals."
                )
            case RangeCheck():
                lines.append(f"{check.field} lies between {check.minimum} and {check.maximum}.")
            case PercentCheck():
                lines.append(f"{check.stated} is {check.factor:g} x {check.part} / {check.of}.")
            case BalanceCheck():
                terms = "".join([*(f" + {name}" for name in check.plus), *(f" - {name}" for name in check.minus)])
                lines.append(f"{check.opening}{terms} is {check.closing}.")
    return "\n".join(lines)


def repair(prompt: Prompt, document: Document, program: Program | str, told: str) -> str:
    """What a model is sent when its program is not right: the brief, the program and what running it told.

    Args:
        prompt: the target.
        document: the document that the program was run on.
        program: as it was, or its text where it was not even valid.
        told: the error, or ``Run.told()``.
    """
    written = program if isinstance(program, str) else program.dumps()
    asked = "This program was written for it. Correct it; keep what is right. Answer with the whole program."
    return "\n\n".join([brief(prompt, document), f"# {asked}\n{written}", f"# What running it told\n{told}"])


def told_of(run: Run) -> str:
    """What a run tells its writer, with its first rows as a sample."""
    sample = [str(record.values) for record in (*run.records[:3], *run.records[-2:])]
    return "\n".join([run.told(), "first and last rows:", *sample])


def _field(field: OutputField) -> str:
    said = [f"- {field.name} ({field.type.value}{', required' if field.required else ''})"]
    if field.description:
        # A full stop before what follows would end the line twice.
        said.append(field.description.removesuffix("."))
    if field.aliases:
        said.append(f"documents call it {', '.join(field.aliases)}")
    if field.unit:
        said.append(f"in {field.unit}")
    if field.values:
        said.append(f"one of {', '.join(field.values)}")
    if field.examples:
        said.append(f"such as {', '.join(map(str, field.examples))}")
    return "; ".join(said)
