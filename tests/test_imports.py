"""Who may import whom: the table of ``docs/design.md``, held for every module, lazy imports included.

A module that breaks it makes the whole harder to load, to test alone and to understand. Where the table is wrong,
change it here and there, and say why.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import llm_convert

PACKAGE = "llm_convert"
SOURCE = Path(llm_convert.__file__).parent

BASE = {"contracts", "errors"}
CONVERSION = BASE | {
    "clock",
    "ports",
    "objects",
    "settings",
    "documents",
    "prompts",
    "layouts",
    "readings",
    "programs",
    "claims",
    "completion",
}
ANYTHING = {"*"}

ALLOWED: dict[str, set[str]] = {
    "": set(),
    "provider_info": set(),
    "errors": set(),
    "contracts": {"errors"},
    "settings": BASE,
    "ports": BASE,
    "objects": BASE | {"ports"},
    "clock": {"ports"},
    "readings": BASE,
    "documents": BASE,
    "prompts": BASE,
    "layouts": BASE | {"readings"},
    "programs": BASE | {"readings", "layouts", "objects", "ports"},
    "claims": BASE | {"ports", "objects"},
    "completion": BASE | {"objects", "ports", "settings"},
    "completion.providers.rules": BASE | {"ports", "settings", "layouts"},
    "conversion": CONVERSION,
    "evaluation": BASE | {"readings"},
    "tenants": BASE | {"ports", "objects"},
    "pipeline": CONVERSION | {"conversion", "tenants"},
    "stores": BASE | {"ports"},
    "warehouses": BASE | {"ports"},
    "execution": BASE | {"ports", "objects", "settings"},
    "job": BASE
    | {"pipeline", "conversion", "claims", "completion", "documents", "programs", "prompts", "ports", "objects"}
    | {"settings", "wiring", "tenants", "clock"},
    "wiring": ANYTHING,
    "airflow": BASE | {"execution", "settings", "wiring", "pipeline", "ports", "objects", "tenants", "doctor"},
    "samples": BASE,
    "doctor": BASE
    | {"completion", "execution", "ports", "prompts", "settings", "stores", "tenants", "warehouses", "wiring"},
    "cli": ANYTHING,
    "testing": BASE | {"ports", "objects", "settings", "clock", "completion"},
}
"""Room to the rooms it may import. A dotted row is of one part of a room, and holds instead of the room's own."""

NEVER: dict[str, set[str]] = {"*": {"airflow"}, "wiring": {"cli", "job"}}
"""Room to the rooms it may not import although it may import anything; ``*`` is of all rooms."""

HOMES: dict[str, set[str]] = {
    "duckdb": {"warehouses", "testing"},
    "pyarrow": {"warehouses", "pipeline", "testing"},
    "sqlglot": {"testing"},
    "grpc": {"execution", "testing"},
    "python_calamine": {"documents"},
    "openpyxl": {"documents"},
    "pypdf": {"documents"},
    "charset_normalizer": {"documents"},
    "olefile": {"documents"},
    "anthropic": {"completion"},
    "airflow": {"airflow"},
    "xlsxwriter": {"samples"},
    "reportlab": {"samples"},
    "msoffcrypto": {"samples"},
    "yaml": {"prompts", "programs", "tenants", "completion", "evaluation", "cli"},
    "pytest": {"testing"},
}
"""Vendor package to the rooms that may import it."""

HEAVY = ("duckdb", "pyarrow", "openpyxl", "python_calamine", "pypdf", "anthropic", "google")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    name: str
    imports: frozenset[str]
    """Full names: modules of ours as far as they exist, vendors as they are written."""

    @property
    def room(self) -> str:
        return room_of(self.name)


def room_of(name: str) -> str:
    """``llm_convert.stores.local`` is of the room ``stores``; the package itself of the room with no name."""
    return name.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


@cache
def paths() -> dict[str, Path]:
    """Every module of ours by its full name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """What is imported anywhere in a module. ``from a import b`` is ``a.b`` where that is one of ours, else ``a``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else str(node.module)


@cache
def modules() -> dict[str, Module]:
    known = set(paths())
    return {
        name: Module(name=name, imports=frozenset(imports_of(ast.parse(path.read_bytes()), known)))
        for name, path in paths().items()
    }


def allowed_for(module: str, table: dict[str, set[str]]) -> set[str] | None:
    """The row of the longest name that a module lies in; None when there is none."""
    parts = module.removeprefix(PACKAGE).lstrip(".").split(".")
    rows = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((table[row] for row in rows if row in table), None)


def faults_of(module: Module, table: dict[str, set[str]]) -> Iterator[str]:
    """What a module imports against the table, in words."""
    allowed = allowed_for(module.name, table)
    if allowed is None:
        yield f"room {module.room} of module {module.name} has no row in the table of tests/test_imports.py; add one"
        return
    for imported in sorted(name for name in module.imports if name.partition(".")[0] == PACKAGE):
        room = room_of(imported)
        if room in {module.room, ""}:
            continue
        never = (NEVER["*"] | NEVER.get(module.room, set())) - {module.room}
        if room in never or not (allowed & {room, "*"}):
            said = ", ".join(sorted(allowed)) or "none"
            yield f"module {module.name} of room {module.room} imports room {room} ({imported}); allowed: {said}"


def cycles_of(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other in a circle (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1 or name in graph[name]:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def test_every_module_keeps_to_the_table():
    faults = [fault for module in modules().values() for fault in faults_of(module, ALLOWED)]
    assert not faults, "\n" + "\n".join(faults)


def test_no_modules_import_each_other_in_a_circle():
    known = set(modules())
    # A package's __init__ runs before its modules anyway; what counts is what each file asks for itself.
    graph = {name: set(module.imports & known) - {name} for name, module in modules().items()}
    cycles = cycles_of(graph)
    assert not cycles, "\n" + "\n".join("a circle: " + " <-> ".join(cycle) for cycle in cycles)


def test_vendor_packages_stay_at_home():
    faults = [
        f"module {module.name} imports {vendor}; only these rooms may: {', '.join(sorted(HOMES[vendor]))}"
        for module in modules().values()
        for vendor in sorted({name.partition(".")[0] for name in module.imports} & set(HOMES))
        if module.room not in HOMES[vendor]
    ]
    assert not faults, "\n" + "\n".join(faults)


class TestTheTestItself:
    def test_it_sees_all_modules(self):
        assert {"llm_convert", "llm_convert.errors", "llm_convert.contracts.work"} <= set(modules())
        assert "llm_convert.contracts.base" in modules()["llm_convert.contracts.work"].imports

    @pytest.mark.parametrize(
        ("name", "code", "fault"),
        [
            ("stores.local", "from llm_convert.claims.ledger import Ledger", "imports room claims"),
            ("stores.local", "def f():\n    import llm_convert.settings", "imports room settings"),
            ("wiring", "from llm_convert import cli", "imports room cli"),
            ("cli.main", "import llm_convert.airflow.factory", "imports room airflow"),
            ("completion.chain", "from llm_convert.layouts import match", "imports room layouts"),
            ("unheard_of", "", "has no row"),
            ("completion.providers.rules", "from llm_convert.layouts import match", ""),
            ("airflow.factory", "from llm_convert.airflow import links", ""),
            ("job.main", "from llm_convert import __version__, wiring", ""),
        ],
    )
    def test_it_finds_what_breaks_the_table(self, name, code, fault):
        known = {"llm_convert.cli", "llm_convert.wiring"}
        module = Module(name=f"{PACKAGE}.{name}", imports=frozenset(imports_of(ast.parse(code), known)))
        faults = list(faults_of(module, ALLOWED))
        assert len(faults) == bool(fault)
        assert all(fault in one for one in faults)

    def test_it_finds_circles(self):
        graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
        assert cycles_of(graph) == [["b", "c"]]
        assert cycles_of({"a": {"b"}, "b": set()}) == []

    def test_the_rows_name_rooms(self):
        rooms = {room_of(name) for name in modules()}
        unknown = {room.partition(".")[0] for room in ALLOWED} - rooms
        named = {name for row in ALLOWED.values() for name in row} - set(ALLOWED) - {"*"}
        assert not named, f"rows allow rooms that have no row themselves: {named}"
        assert not unknown, f"the table has rows for rooms that are not there: {unknown}"


def loaded_by(module: str) -> set[str]:
    """The top-level packages in a fresh interpreter after this import."""
    code = f"import json, sys, {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("llm_convert.provider_info", ("airflow", "pydantic")),
        ("llm_convert.cli.main", ("pydantic", "airflow", "duckdb")),
        ("llm_convert.airflow.factory", HEAVY),
    ],
)
def test_a_fresh_interpreter_loads_nothing_heavy(module, unwanted):
    if module not in modules():
        pytest.skip(f"there is no {module} yet")
    found = loaded_by(module) & set(unwanted)
    assert not found, f"importing {module} loads {', '.join(sorted(found))}; import them where they are used"
