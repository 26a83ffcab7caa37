"""The checks of what is on one machine, and what the command makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llm_convert.doctor import Finding, State, diagnose, is_healthy
from llm_convert.errors import EXIT_CONFIGURATION
from llm_convert.settings import Settings
from llm_convert.testing.model_server import Dials, Fault, ModelServer

TENANT = """\
tenants:
  - customer_code: t1
    timezone: Europe/Berlin
    sources: {drive: {id: s1, url: drive}}
"""


def found(settings: Settings, environ: dict[str, str] | None = None, **asked: object) -> dict[str, Finding]:
    """Findings by name; of several with one name the worst."""
    order = [State.OK, State.SKIPPED, State.WARNING, State.WRONG]
    findings = diagnose(settings, environ or {}, **asked)
    return {one.name: one for one in sorted(findings, key=lambda one: order.index(one.state))}


def cli(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llm_convert.cli.main", "doctor", *arguments],
        env={**os.environ, "LLM_CONVERT_HOME": str(home), **environ},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestOneMachine:
    def test_a_fresh_place_is_healthy_and_stays_clean(self, tmp_path):
        findings = diagnose(Settings(home=tmp_path / "home"), {})
        assert is_healthy(findings)
        assert {one.name for one in findings} >= {
            "packages",
            "store",
            "warehouse",
            "job",
            "provider rules",
            "time zones",
        }
        assert [path for path in (tmp_path / "home").rglob("*") if path.is_file() and ".store" not in path.parts] == []

    def test_a_store_that_can_not_be_written(self, tmp_path):
        (tmp_path / "store").write_text("a file where a folder should be")
        finding = found(Settings(home=tmp_path))["store"]
        assert finding.state is State.WRONG
        assert finding.remedy

    @pytest.mark.parametrize(
        ("settings", "name", "said"),
        [
            ({"store": "s3://b"}, "store", "file, gs"),
            ({"warehouse": "sqlite:///x"}, "warehouse", "bigquery, duckdb"),
            ({"backend": "kubernetes"}, "job", "cloud_run"),
            ({"provider": "gpt"}, "provider gpt", "rules, vertex"),
        ],
    )
    def test_an_unknown_name_tells_the_known_ones(self, tmp_path, settings, name, said):
        finding = found(Settings(home=tmp_path, **settings))[name]
        assert finding.state is State.WRONG
        assert said in finding.remedy

    @pytest.mark.parametrize(
        ("settings", "state", "said"),
        [
            ({}, State.WRONG, "LLM_CONVERT_RECORDINGS is not set"),
            ({"recordings": "recordings"}, State.WARNING, "none to what it was not asked before"),
        ],
    )
    def test_replies_on_file_are_no_model(self, tmp_path, settings, state, said):
        finding = found(Settings(home=tmp_path, provider="recorded", **settings))["provider recorded"]
        assert finding.state is state
        assert said in finding.detail

    def test_prompts_and_tenants_file_by_file(self, tmp_path):
        for folder in ("prompts", "tenants"):
            (tmp_path / folder).mkdir()
        (tmp_path / "prompts/bad.yaml").write_text("prompt_id: x\nfile_idz: [A]\n")
        (tmp_path / "tenants/good.yaml").write_text(TENANT)
        (tmp_path / "tenants/bad.yaml").write_text("tenants: [{customer_code: t2, sourcez: {}}]")
        findings = found(Settings(home=tmp_path, prompts=tmp_path / "prompts", tenants=tmp_path / "tenants"))
        assert findings["prompt bad.yaml"].state is State.WRONG
        assert "file_ids" in findings["prompt bad.yaml"].remedy
        assert findings["tenants bad.yaml"].state is State.WRONG
        assert findings["tenants"].detail.startswith("1 can be read")

    def test_the_tenant_brings_its_zone(self, tmp_path):
        (tmp_path / "t.yaml").write_text(TENANT)
        settings = Settings(home=tmp_path, tenants=tmp_path / "t.yaml")
        zones = [one.detail for one in diagnose(settings, {}, tenant="t1") if one.name == "time zones"]
        assert [zone.split()[1] for zone in zones] == ["Asia/Seoul", "Europe/Berlin"]
        assert found(settings, tenant="t2")["tenant t2"].state is State.WRONG

    def test_one_broken_check_hides_no_other(self, tmp_path):
        (tmp_path / "store").write_text("")
        (tmp_path / "warehouse.duckdb").write_text("this is no database")
        findings = found(Settings(home=tmp_path, provider="gpt"))
        wrong = {name for name, one in findings.items() if one.state is State.WRONG}
        assert wrong == {"store", "warehouse", "provider gpt"}
        assert findings["time zones"].state is State.OK

    def test_missing_packages_name_the_extra(self, tmp_path):
        code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"duckdb", "anthropic", "olefile"}}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from pathlib import Path
from llm_convert.doctor import diagnose
from llm_convert.settings import Settings
for one in diagnose(Settings(home=Path({str(tmp_path)!r}), provider="vertex"), {{}}):
    if one.name == "packages": print(one.state.value, one.remedy)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        extras = [line.partition("[")[2].partition("]")[0] for line in done.stdout.splitlines()]
        assert sorted(extras) == ["documents", "duckdb", "vertex"], done.stdout + done.stderr
        assert all(line.startswith("wrong") for line in done.stdout.splitlines())


class TestVertex:
    def test_project_and_region_are_asked_for(self, tmp_path):
        finding = found(Settings(home=tmp_path, provider="vertex", vertex_access_token="x"))["provider vertex"]
        assert finding.state is State.WRONG
        assert "ANTHROPIC_VERTEX_PROJECT_ID" in finding.remedy

    def test_no_call_is_made_unasked(self, tmp_path):
        with ModelServer() as server:
            findings = found(Settings(home=tmp_path, provider="vertex", vertex_access_token="x"), server.environment())
            assert list(server.ledger) == []
        answers = [one for name, one in findings.items() if name.startswith("answer of")]
        assert len(answers) == 3
        assert {one.state for one in answers} == {State.SKIPPED}

    def test_each_model_is_called_once(self, tmp_path):
        settings = Settings(
            home=tmp_path, provider="vertex", vertex_access_token="x", model_strong=Settings().model_main
        )
        with ModelServer() as server:
            findings = found(settings, server.environment(), call_model=True)
            assert [record.status for record in server.ledger] == [200, 200]
        assert {one.state for name, one in findings.items() if name.startswith("answer of")} == {State.OK}

    def test_a_quota_of_zero_is_told_apart(self, tmp_path):
        settings = Settings(home=tmp_path, provider="vertex", vertex_access_token="x")
        with ModelServer(dials=Dials(fail_next=[QUOTA])) as server:
            findings = found(settings, server.environment(), call_model=True)
        finding = findings[f"answer of {settings.model_fast} by vertex"]
        assert finding.state is State.WRONG
        assert "quota" in finding.detail
        assert "iam-admin/quotas?project=local-project" in finding.remedy

    def test_a_model_past_its_life_and_one_nobody_knows(self, tmp_path):
        prices = tmp_path / "prices.yaml"
        prices.write_text("models:\n  claude-sonnet-4-6: {end_of_life: 2020-01-01, successor: claude-sonnet-5-5}\n")
        settings = Settings(
            home=tmp_path, provider="vertex", vertex_access_token="x", prices=prices, model_fast="claude-haiku-9"
        )
        with ModelServer() as server:
            findings = found(settings, server.environment(), call_model=True)
            assert len(list(server.ledger)) == 1
        assert "claude-sonnet-5-5" in findings["model main"].remedy
        assert findings["model fast"].state is State.WRONG

    def test_missing_credentials(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
        finding = found(Settings(home=tmp_path, provider="vertex"))["credentials"]
        assert finding.state is State.WRONG
        assert finding.remedy == "gcloud auth application-default login"
        assert "Vertex AI" in finding.detail


QUOTA = Fault(
    status=429,
    type="RESOURCE_EXHAUSTED",
    message="Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model with base model: "
    "anthropic-claude-haiku-4-5.",
    google=True,
)


class TestCommand:
    def test_a_table_and_exit_0(self, tmp_path):
        done = cli(tmp_path)
        assert done.returncode == 0, done.stderr
        assert "store" in done.stdout and "warning: provider" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("0 wrong, 1 warnings")

    def test_what_is_wrong_and_exit_78(self, tmp_path):
        done = cli(tmp_path, LLM_CONVERT_STORE="s3://b")
        assert done.returncode == EXIT_CONFIGURATION
        assert "wrong: store: unknown store 's3'" in done.stdout
        assert "  mend it: " in done.stdout

    def test_json_for_programs(self, tmp_path):
        done = cli(tmp_path, "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert {"name", "state", "detail", "remedy"} == set(lines[0])
        assert {line["state"] for line in lines} <= {state.value for state in State}


class TestChain:
    def test_each_provider_of_the_chain_is_looked_at(self, tmp_path):
        settings = Settings(home=tmp_path, provider="vertex,anthropic,ollama", vertex_access_token="x")
        with ModelServer() as server:
            findings = found(settings, server.environment(), call_model=True)
        assert findings["provider vertex"].state is State.OK
        assert findings["provider vertex"].detail == "vertex/local-project/global"
        assert findings["provider anthropic"].state is State.WRONG
        assert "ANTHROPIC_API_KEY" in findings["provider anthropic"].remedy
        assert "OLLAMA_" in findings["provider ollama"].remedy
