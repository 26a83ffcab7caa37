"""A tenant's night on this machine, step by step, without Airflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llm_convert import wiring
from llm_convert.contracts.report import Report
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.job.main import run_job
from llm_convert.pipeline.steps import run_step
from llm_convert.settings import Settings

BSDA = "20251107230000"


@dataclass
class Night:
    home: Path
    config: TenantConfig
    bsda: str = BSDA
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(
            {"LLM_CONVERT_HOME": str(self.home), "LLM_CONVERT_PROMPTS": str(self.home / "prompts"), **self.environ}
        )

    @property
    def store(self) -> Any:
        return wiring.open_store(self.settings)

    @property
    def warehouse(self) -> Any:
        return wiring.open_warehouse(self.settings)

    def drop(self, name: str, data: bytes) -> None:
        path = self.home / "drive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def step(self, name: str, source: str = "shared_drive") -> dict[str, Any]:
        return run_step(
            name,
            store=self.store,
            warehouse=self.warehouse,
            config=self.config,
            bsda=self.bsda,
            source=source,
            settings=self.settings,
        )

    def job(self, **variables: str) -> tuple[Report, int]:
        environ = {"TENANT_CODE": self.config.customer_code, "BSDA": self.bsda, **self.environ, **variables}
        settings = Settings.from_environment(
            {**self.settings.to_environment(), **{k: v for k, v in variables.items() if k.startswith("LLM_CONVERT_")}}
        )
        committed, code = run_job(environ, settings)
        assert committed is not None, "another task still works"
        return committed.read(self.store), code

    def crawl(self) -> None:
        """Find what was dropped, and say which FILE_ID it has."""
        self.step("crawler")
        self.step("fileid_mapping")

    def through(self, source: str = "shared_drive", **variables: str) -> Report:
        """Crawl to tag, the job in between."""
        self.crawl()
        report, _ = self.job(**variables)
        for name in ("fileid_mapping_hai", "filter", "converter", "tag"):
            self.step(name, source)
        return report

    def rows(self, table: str) -> list[dict[str, Any]]:
        preview = self.warehouse.preview(table, limit=100_000)
        return [dict(zip(preview.columns, row, strict=True)) for row in preview.rows]
