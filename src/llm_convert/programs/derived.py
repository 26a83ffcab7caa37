"""Which fields a program derives: values that follow from cells by a declared reading and stand nowhere so."""

from __future__ import annotations

from llm_convert.programs.language import Program
from llm_convert.programs.picks import Pick


def derived_fields(program: Program) -> dict[str, frozenset[str]]:
    """By table (its name or number) the fields that only the program's own reading can prove.

    A proof that compares a value with the text at its address holds for all others.
    """
    found: dict[str, frozenset[str]] = {}
    for table, label in zip(program.tables, program.names(), strict=True):
        own = {name for name, pick in table.fields.items() if is_derived(pick)}
        found[label] = found.get(label, frozenset()) | own
    return found


def all_derived(program: Program) -> frozenset[str]:
    """Those of all tables together."""
    return frozenset[str]().union(*derived_fields(program).values())


def is_derived(pick: Pick) -> bool:
    """Whether a value of this pick can be another than what its cells hold, or a part of it."""
    own = pick.const is not None or pick.default is not None or pick.map or pick.replace or pick.file
    scaled = pick.scale is not None or pick.unit_words
    inner = (*(pick.join or ()), *(pick.first or ()))
    return bool(own or scaled or pick.date or pick.decimals is not None or any(map(is_derived, inner)))
