"""Where tenants' configurations are kept: YAML files beside the DAGs, and what DAGs published to the object store.

The job reads a tenant from here, so that a DAG file is the only place where a person writes it. This module opens no
store and picks no adapter; YAML is loaded only when a YAML file is read.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from llm_convert.contracts import keys
from llm_convert.contracts.base import parse
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError, MissingExtraError, ObjectNotFoundError, unknown_name
from llm_convert.objects import overwrite
from llm_convert.ports import ObjectStore

_ROOT = "tenants/"
_LOOKED_AT = 20_000
"""Objects listed, at most, to tell the published tenants in an error: a store of many nights holds millions."""


def load_tenant(store: ObjectStore, tenant: str, *, folder: Path | None) -> TenantConfig:
    """The configuration of a tenant: from the YAML file or folder first, else as its DAG last published it.

    Args:
        store: where DAGs publish.
        tenant: the customer code.
        folder: a YAML file, or a folder of them; None: only what is published.

    Raises:
        ConfigurationError: for an unknown tenant, with the known ones of both places, or one that can't be read.
    """
    written = {} if folder is None else {config.customer_code: config for config in _written(folder)}
    if tenant in written:
        return written[tenant]
    key = keys.config(tenant)
    try:
        data = store.read(key).data
    except ObjectNotFoundError:
        where = f"{store.url}/{_ROOT}" + ("" if folder is None else f" and {folder}")
        raise unknown_name("tenant", tenant, [*written, *_published(store)], where=where) from None
    return _from_store(data, where=store.locate(key))


def publish_tenant(store: ObjectStore, config: TenantConfig) -> bool:
    """Store a tenant's configuration for the job to find; False when it was there already."""
    return overwrite(store, keys.config(config.customer_code), config.to_json())


def load_tenants_yaml(path: Path) -> list[TenantConfig]:
    """Every tenant of a YAML file, in its order.

    The file is ``defaults:``, a mapping, and ``tenants:``, a list of mappings; each tenant's keys replace the defaults'
    whole, so a tenant with ``sources`` has only its own. A file that is one tenant's mapping holds just that one.

    Raises:
        ConfigurationError: naming the file, and the tenant where it is one tenant's fault.
    """
    return [parse(TenantConfig, written, where=where) for where, written in read_tenants_yaml(path)]


def read_tenants_yaml(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The tenants of a YAML file merged over its defaults and not validated yet, each with its name in an error.

    Raises:
        ConfigurationError: for a file that can't be read, an entry without a code, and a code or DAG id given twice.
    """
    data = _load_yaml(path)
    if not isinstance(data, dict):
        raise _not_tenants(path, f"holds {type(data).__name__}")
    if "tenants" not in data:
        data = {"tenants": [data]}
    if unknown := set(data) - {"defaults", "tenants"}:
        raise unknown_name("key", str(min(unknown, key=str)), ("defaults", "tenants"), where=str(path))
    defaults, entries = data.get("defaults") or {}, data["tenants"]
    if not isinstance(defaults, dict) or not isinstance(entries, list):
        raise _not_tenants(path, "has 'defaults' that is no mapping or 'tenants' that is no list")
    found = [(_name_of(path, number, entry), {**defaults, **entry}) for number, entry in enumerate(entries, start=1)]
    _refuse_duplicates(path, found)
    return found


def _name_of(path: Path, number: int, entry: object) -> str:
    code = entry.get("customer_code") if isinstance(entry, dict) else None
    if not isinstance(code, str) or not code:
        raise ConfigurationError(
            f"{path}: tenant number {number} has the customer_code {code!r}",
            remedy="Give each tenant a mapping with its code as quoted text, such as customer_code: 'c8cd3500'.",
        )
    return f"{path}: tenant {code}"


def _refuse_duplicates(path: Path, found: list[tuple[str, dict[str, Any]]]) -> None:
    for key in ("customer_code", "dag_id"):
        seen: set[str] = set()
        for _, entry in found:
            value = str(entry.get(key) or entry["customer_code"])
            if value in seen:
                raise ConfigurationError(f"{path}: the {key} {value!r} is given twice", remedy="Remove or rename one.")
            seen.add(value)


def _written(folder: Path) -> list[TenantConfig]:
    if not folder.exists():
        raise ConfigurationError(f"LLM_CONVERT_TENANTS {folder} does not exist", remedy="Name a YAML file or a folder.")
    if folder.is_file():
        return load_tenants_yaml(folder)
    files = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    found: dict[str, Path] = {}
    configs = []
    for file in files:
        for config in load_tenants_yaml(file):
            other = found.setdefault(config.customer_code, file)
            if other != file:
                raise ConfigurationError(
                    f"tenant {config.customer_code!r} is in {other} and in {file}", remedy="Remove one of the two."
                )
            configs.append(config)
    return configs


def _published(store: ObjectStore) -> list[str]:
    listed = itertools.islice(store.list(_ROOT), _LOOKED_AT)
    parts = (info.key.removeprefix(_ROOT).split("/") for info in listed)
    return [code for code, *rest in parts if rest == ["config.json"]]


def _from_store(data: bytes, *, where: str) -> TenantConfig:
    try:
        written = json.loads(data)
    except ValueError as error:
        raise ConfigurationError(
            f"{where} is no JSON: {error}", remedy="Run the tenant's DAG again; it publishes it anew."
        ) from None
    return parse(TenantConfig, written, where=where)


def _load_yaml(path: Path) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtraError("pyyaml", "airflow") from None
    # The C loader reads hundreds of tenants in a tenth of the time; wheels have it, some source builds do not.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - both loaders are the safe ones
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}", remedy="Check the path.") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ConfigurationError(f"{path} is no YAML: {said}", remedy="Correct that line.") from None


def _not_tenants(path: Path, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} {found}", remedy="Write a mapping with 'tenants', a list of tenants, and optionally 'defaults'."
    )
