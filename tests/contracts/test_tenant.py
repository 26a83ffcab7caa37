from __future__ import annotations

from typing import Any

import pytest

from llm_convert.contracts.base import parse
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError

MINIMAL: dict[str, Any] = {"customer_code": "c8cd3500", "sources": {"shared_drive": {"id": "sbb4e91e", "url": "drive"}}}


def config(**changes: Any) -> TenantConfig:
    return parse(TenantConfig, {**MINIMAL, **changes}, where="CONFIG")


def test_the_users_defaults() -> None:
    found = config()
    assert found.llm_job_name == "claude-agent-sdk-batch-job"
    assert found.llm_job_region == "asia-northeast1"
    assert found.timezone == "Asia/Seoul"
    assert found.file_id == ()
    assert found.effective_dag_id == "c8cd3500"


@pytest.mark.parametrize("value", [None, "X", ["X"], ("X",)])
def test_file_id_is_absent_one_or_many(value: Any) -> None:
    assert config(file_id=value).file_id == (() if value is None else ("X",))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"custmer_name": "x"}, r"unknown key 'custmer_name' in CONFIG. Did you mean 'customer_name'\?"),
        ({"sources": {"a": {"id": "x", "ulr": "d"}}}, r"unknown key 'ulr' in CONFIG.sources.a. Did you mean 'url'\?"),
        ({"customer_code": "../other"}, "customer_code"),
        ({"timezone": "Asia/Soul"}, "unknown time zone 'Asia/Soul'"),
        ({"transform_schedule": ["25"]}, "transform_schedule holds '25'"),
        ({"transform_schedule": []}, "transform_schedule is empty"),
        ({"day_of_week": "lundi"}, "day_of_week holds 'lundi'"),
        ({"sources": {}}, "sources"),
        ({"sources": {"a": {"id": "x"}}}, "either a url to crawl or results_of"),
        (
            {"sources": {"a": {"id": "x", "url": "d"}, "b": {"id": "y", "results_of": "a"}}},
            "no source with llm_transform",
        ),
        ({"sources": {"a": {"id": "x", "url": "d"}, "b": {"id": "x", "url": "e"}}}, "two sources have the same id"),
        ({"file_mapping": [{"file_id": "X", "glob": "*", "table": "t"}]}, "names the table 't'; declared tables: none"),
        ({"file_mapping": [{"file_id": "X"}]}, "has no condition"),
        ({"file_mapping": [{"file_id": "X", "regex": "("}]}, "can't be read"),
        ({"max_failed_fraction": 1.5}, "max_failed_fraction"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        config(**changes)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"CONFIG: customer_code is missing. Add customer_code."):
        parse(TenantConfig, {"sources": MINIMAL["sources"]}, where="CONFIG")


def test_a_mistyped_key_is_named_before_the_one_that_it_leaves_missing() -> None:
    with pytest.raises(ConfigurationError, match="unknown key 'customer_cod'"):
        parse(TenantConfig, {"customer_cod": "a", "sources": MINIMAL["sources"]}, where="CONFIG")


def test_results_go_to_the_source_that_takes_them_else_on_in_one_line() -> None:
    one = config(sources={"shared_drive": {"id": "a", "url": "d", "llm_transform": True}})
    assert one.results_branch("shared_drive") == "shared_drive"
    two = config(
        sources={
            "shared_drive": {"id": "a", "url": "d", "llm_transform": True},
            "email": {"id": "b", "results_of": "shared_drive"},
        }
    )
    assert two.results_branch("shared_drive") == "email"
