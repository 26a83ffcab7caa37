"""What this machine must have: packages for what the settings name, and the database of time zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llm_convert.contracts.bsda import DEFAULT_TIMEZONE
from llm_convert.doctor.finding import Finding, Patient, ok, warning, wrong

_OF_STORE = {"gs": ("gcp", ("google.cloud.storage",))}
_OF_WAREHOUSE = {
    "duckdb": ("duckdb", ("duckdb", "pyarrow")),
    "bigquery": ("gcp", ("google.cloud.bigquery",)),
}
_OF_BACKEND = {
    "cloud_run": ("gcp", ("google.cloud.run_v2",)),
    "cloud_build": ("gcp", ("google.cloud.devtools.cloudbuild_v1",)),
}
_OF_PROVIDER = {"vertex": ("vertex", ("anthropic", "google.auth"))}
_DOCUMENTS = ("python_calamine", "openpyxl", "pypdf", "charset_normalizer", "olefile")


def check_packages(patient: Patient) -> Iterator[Finding]:
    """Whether everything can be imported that the chosen URLs need, found without importing it."""
    needed = {
        patient.settings.store_url: _OF_STORE.get(patient.store_scheme),
        patient.settings.warehouse_url: _OF_WAREHOUSE.get(patient.warehouse_scheme),
        patient.settings.backend: _OF_BACKEND.get(patient.backend_scheme),
        f"the provider {patient.settings.provider}": _OF_PROVIDER.get(patient.settings.provider),
    }
    missing: dict[str, list[str]] = {}
    for user, need in needed.items():
        if need is not None and (lacking := _lacking(need[1])):
            missing.setdefault(need[0], []).append(f"{user} needs {', '.join(lacking)}")
    for extra, reasons in sorted(missing.items()):
        yield wrong("packages", "; ".join(reasons), _install(extra))
    if not missing:
        yield ok("packages", "all that the settings need are installed")
    yield from _documents(patient)


def _documents(patient: Patient) -> Iterator[Finding]:
    lacking = _lacking(_DOCUMENTS)
    if not lacking:
        return
    if patient.backend_scheme == "subprocess":
        yield wrong("packages", f"the job runs here and needs {', '.join(lacking)}", _install("documents"))
    else:
        said = f"{', '.join(lacking)} missing: steps that read documents here will fail; the job's image has its own"
        yield warning("packages", said, _install("documents"))


def check_timezones(patient: Patient) -> Iterator[Finding]:
    """Whether the zones that nights are counted in are known to this machine."""
    for name in dict.fromkeys((DEFAULT_TIMEZONE, patient.config.timezone if patient.config else DEFAULT_TIMEZONE)):
        try:
            now = datetime.now(ZoneInfo(name))
        except ZoneInfoNotFoundError:
            yield wrong("time zones", f"{name} is not known to this machine", "pip install tzdata")
        else:
            yield ok("time zones", f"in {name} it is {now:%Y-%m-%d %H:%M} ({now:%z})")


def _lacking(modules: tuple[str, ...]) -> list[str]:
    return [module for module in modules if not _is_installed(module)]


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _install(extra: str) -> str:
    return f"pip install 'airflow-provider-llm-convert[{extra}]'"
