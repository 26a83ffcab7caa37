"""The deploy scripts, run for real with a stand-in for the command line of Google Cloud."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from llm_convert.contracts.urls import parts_of
from llm_convert.doctor import job as doctor_of_the_job
from llm_convert.settings import Settings

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "jobs" / "deploy"
REAL_GCLOUD = shutil.which("gcloud") if os.environ.get("LLM_CONVERT_TEST_GCLOUD") else None
DIGEST = "sha256:" + "0123456789abcdef" * 4
VALUES = {
    "PROJECT": "p1",
    "MODEL_PROJECT": "m1",
    "COMPOSER_ENVIRONMENT": "c1",
    "COMPOSER_ACCOUNT": "composer@p1.iam.gserviceaccount.com",
}


@dataclass
class Shell:
    folder: Path

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder)}
        environ |= {"FAKE_CLI_FOLDER": str(self.folder), "PROJECT_ENV": str(self.folder / "none"), **VALUES}
        return subprocess.run(
            [str(SCRIPTS / script), *arguments],
            env=environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "calls.jsonl"
        if not path.exists():
            return []
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        path.unlink()
        return found

    def commands(self) -> list[list[str]]:
        return [call["arguments"] for call in self.calls()]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "bin").mkdir()
    text = Path(__file__).with_name("fake_cli.py").read_text(encoding="utf-8")
    for name in ("gcloud", "bq"):
        path = tmp_path / "bin" / name
        path.write_text(text.replace("#!/usr/bin/env python3", f"#!{sys.executable}"), encoding="utf-8")
        path.chmod(0o755)
    return Shell(folder=tmp_path)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1] if name in command else ""


def grants(commands: list[list[str]]) -> set[tuple[str, str, str]]:
    """Who got which role on what."""
    return {
        (
            option(command, "--member").removeprefix("serviceAccount:").partition("@")[0],
            option(command, "--role"),
            command[command.index("add-iam-policy-binding") + 1].partition("@")[0],
        )
        for command in commands
        if "add-iam-policy-binding" in command
    }


def test_an_empty_project_gets_everything_and_a_second_run_makes_nothing(shell: Shell) -> None:
    first = shell.run("deploy.sh")
    assert first.returncode == 0, first.stderr
    commands = shell.commands()
    made = [" ".join(command) for command in commands if "create" in command or "mk" in command]
    for what in (
        "repositories create llm-convert ",
        "buckets create gs://p1-llm-convert ",
        "mk --dataset p1:llm_convert",
    ):
        assert any(what in line for line in made), what
    assert any("--uniform-bucket-level-access" in line and "--soft-delete-duration 7d" in line for line in made)
    second = shell.run("deploy.sh")
    assert second.returncode == 0, second.stderr
    again = [command for command in shell.commands() if "create" in command or "mk" in command]
    assert again == []
    assert "= bucket p1-llm-convert is there already" in second.stderr


def test_the_roles_are_the_least(shell: Shell) -> None:
    assert shell.run("roles.sh").returncode == 0
    commands = shell.commands()
    assert grants(commands) == {
        ("llm-convert-job", "roles/aiplatform.user", "m1"),
        ("llm-convert-job", "roles/storage.objectUser", "gs://p1-llm-convert"),
        ("llm-convert-build", "roles/logging.logWriter", "p1"),
        ("llm-convert-build", "roles/storage.objectViewer", "p1"),
        ("llm-convert-build", "roles/run.developer", "p1"),
        ("llm-convert-build", "roles/artifactregistry.writer", "llm-convert"),
        ("llm-convert-build", "roles/iam.serviceAccountUser", "llm-convert-job"),
        ("composer", "projects/p1/roles/llmConvertLauncher", "p1"),
        ("composer", "roles/bigquery.jobUser", "p1"),
        ("composer", "roles/storage.objectUser", "gs://p1-llm-convert"),
        ("composer", "roles/storage.legacyBucketReader", "gs://p1-llm-convert"),
    }
    assert any("GRANT `roles/bigquery.dataEditor` ON SCHEMA `p1.llm_convert`" in command[-1] for command in commands)


def test_the_launcher_role_holds_what_the_backend_calls(shell: Shell) -> None:
    shell.run("roles.sh")
    created = next(command for command in shell.commands() if command[1:4] == ["iam", "roles", "create"])
    backend = {"run.executions.get", "run.executions.list", "run.executions.cancel", "run.tasks.list"}
    assert {*doctor_of_the_job.PERMISSIONS, *backend} <= set(option(created, "--permissions").split(","))


def test_a_dry_run_prints_every_command_and_runs_none(shell: Shell) -> None:
    shown = shell.run("deploy.sh", DRY_RUN="1")
    assert shown.returncode == 0, shown.stderr
    assert shell.calls() == []
    lines = shown.stdout.splitlines()
    assert all(line.startswith(("gcloud ", "bq ")) for line in lines)
    for what in ("services enable", "buckets create", "builds submit", "update-pypi-packages", "dags import"):
        assert any(what in line for line in lines), what
    # What is printed can be pasted: a shell reads it into the words that would have been run.
    pasted = subprocess.run(
        ["bash", "-euc", shown.stdout],
        env={"PATH": f"{shell.folder / 'bin'}:{os.environ['PATH']}", "FAKE_CLI_FOLDER": str(shell.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert pasted.returncode == 0, pasted.stderr
    assert len(shell.calls()) == len(lines)


def test_the_job_is_replaced_with_everything_filled_in(shell: Shell) -> None:
    ended = shell.run("job.sh", IMAGE=f"r/i@{DIGEST}")
    assert ended.returncode == 0, ended.stderr
    (call,) = shell.calls()
    spec = yaml.safe_load(call["file"])
    container = spec["spec"]["template"]["spec"]["template"]["spec"]
    assert spec["metadata"]["name"] == "claude-agent-sdk-batch-job"
    assert container["containers"][0]["image"] == f"r/i@{DIGEST}"
    assert container["serviceAccountName"] == "llm-convert-job@p1.iam.gserviceaccount.com"
    values = {entry["name"]: entry["value"] for entry in container["containers"][0]["env"]}
    assert values["ANTHROPIC_VERTEX_PROJECT_ID"] == "m1"
    assert values["LLM_CONVERT_STORE"] == "gs://p1-llm-convert"
    assert "${" not in "".join(line for line in call["file"].splitlines() if not line.strip().startswith("#"))


def cloudbuild_step(shell: Shell, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A step's script as Cloud Build runs it: in the checkout, with the substitutions as variables."""
    build = yaml.safe_load((REPOSITORY / "cloudbuild.yaml").read_text(encoding="utf-8"))
    values = {
        **build["substitutions"],
        "_IMAGE": "r/i",
        "_BUCKET": "b1",
        "_JOB_ACCOUNT": "j@p1",
        "_MODEL_PROJECT": "m1",
    }
    environ = {"PATH": f"{shell.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(shell.folder)}
    environ |= {"FAKE_CLI_FOLDER": str(shell.folder), "PROJECT_ENV": "/dev/null", **values}
    environ |= {"PROJECT_ID": "p1", "BUILD_ID": "build-1", **variables}
    (script,) = (step["script"] for step in build["steps"] if step["id"] == name)
    return subprocess.run(
        ["bash", "-c", script], cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_cloud_build_deploys_by_digest_what_it_tested(shell: Shell) -> None:
    ended = cloudbuild_step(shell, "deploy", FAKE_CLI_PRINTS=DIGEST)
    assert ended.returncode == 0, ended.stderr
    asked, replaced = shell.calls()
    assert "r/i:build-1" in asked["arguments"]
    assert option(replaced["arguments"], "--region") == "asia-northeast1"
    task = yaml.safe_load(replaced["file"])["spec"]["template"]["spec"]["template"]["spec"]
    assert task["containers"][0]["image"] == f"r/i@{DIGEST}"
    assert task["serviceAccountName"] == "j@p1"


@pytest.mark.parametrize(("code", "passes"), [(78, True), (0, False), (1, False), (127, False)])
def test_the_smoke_step_fails_for_an_image_that_does_not_start(shell: Shell, code: int, passes: bool) -> None:
    docker = shell.folder / "bin" / "docker"
    docker.write_text(f"#!/bin/sh\nexit {code}\n")
    docker.chmod(0o755)
    assert (cloudbuild_step(shell, "smoke").returncode == 0) is passes


def test_the_test_step_runs_what_it_is_told_and_fails_with_it(shell: Shell) -> None:
    assert "tests skipped" in cloudbuild_step(shell, "test", _TEST="skip").stdout
    assert cloudbuild_step(shell, "test", _TEST="false").returncode == 1


def test_a_tenant_of_its_own_reaches_its_own_prefix_alone(shell: Shell) -> None:
    ended = shell.run("tenant.sh", "c8cd3500", IMAGE="i")
    assert ended.returncode == 0, ended.stderr
    calls = shell.calls()
    on_storage = {grant for grant in grants([call["arguments"] for call in calls]) if "storage" in grant[1]}
    assert on_storage == {
        ("llm-convert-c8cd3500", "roles/storage.objectUser", "gs://p1-llm-convert/tenants/c8cd3500"),
    }
    spec = yaml.safe_load(calls[-1]["file"])
    assert spec["metadata"]["name"] == "claude-agent-sdk-batch-job-c8cd3500"
    account = spec["spec"]["template"]["spec"]["template"]["spec"]["serviceAccountName"]
    assert account == "llm-convert-c8cd3500@p1.iam.gserviceaccount.com"


def test_composers_variables_are_settings(shell: Shell) -> None:
    shell.run("composer.sh", "environment")
    (command,) = shell.commands()
    variables = dict(one.split("=", 1) for one in option(command, "--update-env-variables").split(","))
    settings = Settings.from_environment(variables)
    assert settings.store_url == "gs://p1-llm-convert"
    assert parts_of(settings.warehouse_url).path == ("p1", "llm_convert")
    assert parts_of(settings.backend).path == ("p1", "asia-northeast1")


def test_an_update_that_changes_nothing_is_success_and_another_fault_is_not(shell: Shell) -> None:
    same = shell.run("composer.sh", "packages", FAKE_CLI_SAYS="No change in configuration. Must specify a change.")
    assert same.returncode == 0
    assert "Composer has that already" in same.stderr
    other = shell.run("composer.sh", "packages", FAKE_CLI_SAYS="PERMISSION_DENIED")
    assert other.returncode == 75
    assert "PERMISSION_DENIED" in other.stderr


def test_rollback_of_all_three(shell: Shell, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "dags").mkdir(parents=True)
    shutil.copytree(SCRIPTS, checkout / "jobs" / "deploy")
    (checkout / "dags" / "old.py").write_text("old = 1\n")
    (checkout / "jobs" / "deploy" / "composer-requirements.txt").write_text("the-old-one==1\n")
    git = ["git", "-C", str(checkout), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "old"], ["tag", "old"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    (checkout / "dags" / "old.py").unlink()
    (checkout / "jobs" / "deploy" / "composer-requirements.txt").write_text("the-new-one==2\n")
    ended = shell.run(str(checkout / "jobs" / "deploy" / "rollback.sh"), "all", DIGEST, "old")
    assert ended.returncode == 0, ended.stderr
    dags, job, packages = shell.calls()
    assert Path(option(dags["arguments"], "--source")).name == "old.py"
    assert option(job["arguments"], "--image").endswith(f"/claude-agent-sdk-batch-job@{DIGEST}")
    assert packages["file"] == "the-old-one==1\n"
    assert not (checkout / "dags" / "old.py").exists()


def test_operations_by_hand(shell: Shell) -> None:
    for arguments, part in [
        (["list"], "run jobs executions list --job claude-agent-sdk-batch-job"),
        (["logs", "e-1"], 'labels."run.googleapis.com/execution_name"="e-1"'),
        (["describe"], "run jobs describe claude-agent-sdk-batch-job"),
        (["cancel", "e-1"], "run jobs executions cancel e-1"),
        (
            ["run", "c8cd3500", "20251107140000", "WEEKLY_PROFIT_AND_LOSS", "weekly_summary"],
            "--update-env-vars TENANT_CODE=c8cd3500,BSDA=20251107140000,"
            "FILE_ID=WEEKLY_PROFIT_AND_LOSS,PROMPT_ID=weekly_summary",
        ),
        (
            ["trigger", "c8cd3500-20240517-1", "20251107"],
            "composer environments run c1 --location asia-northeast1 --project p1 "
            'dags trigger -- c8cd3500-20240517-1 --conf {"BSDA": "20251107"}',
        ),
    ]:
        shell.run("operate.sh", *arguments)
        (command,) = shell.commands()
        assert part in " ".join(command)


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("operate.sh", ["run", "c8cd3500", "2025"], "BSDA must be 8 or 14 digits, found '2025'"),
        ("operate.sh", ["run", "a,BSDA=1", "20251107"], "is no name"),
        ("operate.sh", ["logs", '" OR 1'], "is no name"),
        ("operate.sh", ["nonsense"], "usage: operate.sh"),
        ("rollback.sh", ["job", "latest"], "latest is no digest"),
        ("rollback.sh", ["dags", "no-such-ref"], "is no commit of this checkout"),
        ("tenant.sh", ["../x"], "is no tenant code"),
        ("job.sh", [], "IMAGE is not set"),
        ("composer.sh", [], "usage: composer.sh"),
    ],
)
def test_bad_input_runs_nothing_and_says_what_to_do(shell: Shell, script: str, arguments: list[str], said: str) -> None:
    ended = shell.run(script, *arguments, **({"IMAGE": "i"} if script == "tenant.sh" else {}))
    assert ended.returncode == 78
    assert said in ended.stderr
    assert shell.calls() == []


def test_a_project_is_needed_and_the_environment_goes_before_the_file(shell: Shell) -> None:
    assert "set PROJECT" in shell.run("setup.sh", PROJECT="").stderr
    (shell.folder / "project.env").write_text("# values\nPROJECT=file\n\nREGION=europe-west1\n")
    shell.run("operate.sh", "describe", PROJECT_ENV=str(shell.folder / "project.env"))
    (command,) = shell.commands()
    assert (option(command, "--project"), option(command, "--region")) == ("p1", "europe-west1")


def test_the_example_names_only_what_is_read() -> None:
    library = (SCRIPTS / "lib.sh").read_text(encoding="utf-8")
    for line in (SCRIPTS / "project.env.example").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert f'"${{{line.partition("=")[0]}:' in library, line


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    files = sorted(str(path) for path in SCRIPTS.glob("*.sh"))
    ended = subprocess.run(
        ["shellcheck", "-x", *files], cwd=SCRIPTS, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout


@pytest.mark.skipif(REAL_GCLOUD is None, reason="set LLM_CONVERT_TEST_GCLOUD=1 where gcloud is installed")
def test_the_real_gcloud_knows_every_command_and_flag(shell: Shell, tmp_path: Path) -> None:
    shown = shell.run("deploy.sh", DRY_RUN="1").stdout
    shown += shell.run("tenant.sh", "c8cd3500", IMAGE="i", DRY_RUN="1").stdout
    shown += shell.run("rollback.sh", "job", DIGEST, DRY_RUN="1").stdout
    shown += shell.run("operate.sh", "run", "c8cd3500", "20251107", DRY_RUN="1").stdout
    commands = sorted({line for line in shown.splitlines() if line.startswith("gcloud ") and " dags " not in line})
    assert len(commands) > 20
    # No account, no network: what gcloud says is either that a word is unknown, or that nobody is logged in.
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "0",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    unknown = []
    for command in commands:
        # The filled-in file is gone when its script has ended.
        command = re.sub(r"replace \S+", f"replace {REPOSITORY / 'jobs' / 'job.yaml'}", command)
        ended = subprocess.run(
            ["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        if "You do not currently have an active account" not in ended.stderr:
            unknown.append(f"{command}\n{ended.stderr}")
    assert unknown == []
