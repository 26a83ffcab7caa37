"""What people wrote: prompts and tenants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llm_convert import wiring
from llm_convert.contracts.prompt import Prompt
from llm_convert.doctor.finding import Finding, Patient, of_error, ok, skipped
from llm_convert.errors import ConfigurationError
from llm_convert.prompts import check_prompts
from llm_convert.tenants import load_tenants_yaml

_YAML = {".yaml", ".yml"}


def check_prompts_folder(patient: Patient) -> Iterator[Finding]:
    """Every prompt of the folder, each fault a finding; the built-in ones otherwise."""
    folder = patient.settings.prompts_folder
    if folder is None:
        library = wiring.open_prompts(patient.settings)
        yield ok("prompts", f"no folder is named; {len(library.prompt_ids)} built-in prompts")
        return
    good = 0
    for path, found in check_prompts(folder):
        if isinstance(found, Prompt):
            good += 1
        else:
            yield of_error(f"prompt {path.name}", found)
    yield ok("prompts", f"{good} can be used in {folder}")


def check_tenants(patient: Patient) -> Iterator[Finding]:
    """Every tenant's configuration in ``LLM_CONVERT_TENANTS``, file by file."""
    place = patient.settings.tenants
    if place is None:
        yield skipped("tenants", "LLM_CONVERT_TENANTS is not set: tenants are what their DAGs published to the store")
        return
    files = _files(place)
    if not files:
        raise ConfigurationError(f"LLM_CONVERT_TENANTS {place} holds no YAML file", remedy="Name a file or a folder.")
    count, faults = 0, 0
    for path in files:
        try:
            count += len(load_tenants_yaml(path))
        except ConfigurationError as error:
            faults += 1
            yield of_error(f"tenants {path.name}", error)
    if count or not faults:
        yield ok("tenants", f"{count} can be read in {place}")


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.glob("*") if path.suffix in _YAML)
