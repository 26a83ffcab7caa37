"""The operators of a tenant's DAG. Everything heavy is imported when a task executes, never when a DAG is parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from llm_convert.airflow.asking import Asked, open_batch, text_of
from llm_convert.airflow.bsda import RunTimes, resolve_bsda
from llm_convert.airflow.faults import told_to_airflow
from llm_convert.airflow.form import refuse_unknown_keys
from llm_convert.airflow.lines import result_line
from llm_convert.airflow.links import LOG_KEY, REPORT_KEY, JobLogLink, ReportLink, for_browser
from llm_convert.contracts.base import parse
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from llm_convert.airflow.batch import Batch


class LlmConvertBatchOperator(BaseOperator):
    """Starts the conversion job for a tenant and BSDA, or finds the one this task started, and waits for its verdict.

    A retry re-attaches to the running execution and never starts a second. Killing the task cancels its execution.
    Returns a ``RunSummary`` as a dict. A failure that a retry cannot mend fails the task at once.

    Args:
        tenant: the customer code; by default that of ``config``.
        config: the tenant's configuration; None: the one that ``LLM_CONVERT_TENANTS`` or the store holds.
        bsda: 8 or 14 digits; empty: the newest scheduled time of the DAG run.
        file_id: only documents of this kind; empty: all.
        prompt_id: only this prompt; empty: all.
        force: convert again, and pay again, what is already done.
        settings: None: those of the worker's environment.
    """

    template_fields: Sequence[str] = ("tenant", "bsda", "file_id", "prompt_id", "force")
    operator_extra_links = (ReportLink(), JobLogLink())
    ui_color = "#e8dcf5"

    def __init__(
        self,
        *,
        tenant: str = "",
        config: TenantConfig | Mapping[str, Any] | None = None,
        bsda: str = "",
        file_id: str | None = None,
        prompt_id: str | None = None,
        force: bool | str = False,
        settings: Settings | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.config = None if config is None else parse(TenantConfig, config, where="config")
        self.tenant = tenant or (self.config.customer_code if self.config else "")
        self.bsda = bsda
        self.file_id = file_id
        self.prompt_id = prompt_id
        self.force = force
        self.settings = settings
        self.report_url = ""
        self.log_url = ""
        self._batch: Batch | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Launch or attach, watch, and return the run's summary.

        Raises:
            AirflowFailException: the data or the configuration is at fault.
            AirflowException: a retry may help.
        """
        asked = Asked(
            tenant=self.tenant, bsda=self.bsda, file_id=self.file_id, prompt_id=self.prompt_id, force=self.force
        )
        with told_to_airflow():
            self._batch, keys = open_batch(
                asked, context, config=self.config, settings=self.settings, retries=self.retries
            )
            self._batch.launch(keys)
            self._leave_links(context)
            return self._batch.watch().model_dump(mode="json")

    def on_kill(self) -> None:
        """Cancel the execution: nobody waits for it any more."""
        if self._batch is not None:
            self._batch.cancel()

    def _leave_links(self, context: Context) -> None:
        batch = self._batch
        if batch is None or batch.launched is None:
            return
        self.report_url = for_browser(batch.report_uri)
        self.log_url = batch.launched.handle.log_url
        context["ti"].xcom_push(key=REPORT_KEY, value=self.report_url)
        context["ti"].xcom_push(key=LOG_KEY, value=self.log_url)


class PipelineStepOperator(BaseOperator):
    """Runs one step of the pipeline in the worker and returns its small account.

    Args:
        step: as ``pipeline.steps.run_step`` calls it.
        source: the source's name; empty for ``check``.
        config: the tenant's configuration.
        bsda: 8 or 14 digits; empty: the newest scheduled time of the DAG run.
        settings: None: those of the worker's environment.
    """

    template_fields: Sequence[str] = ("bsda",)
    ui_color = "#dcebf5"

    def __init__(
        self,
        *,
        step: str,
        config: TenantConfig | Mapping[str, Any],
        source: str = "",
        bsda: str = "",
        settings: Settings | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.source = source
        self.config = parse(TenantConfig, config, where="config")
        self.bsda = bsda
        self.settings = settings

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step.

        Raises:
            AirflowFailException: the data or the configuration is at fault.
            AirflowException: a retry may help.
        """
        from llm_convert import wiring
        from llm_convert.pipeline.steps import run_step

        with told_to_airflow():
            if self.step == "crawler":
                refuse_unknown_keys(context["dag_run"].conf, context["dag"].params)
            settings = self.settings or Settings.from_environment()
            result = run_step(
                self.step,
                store=wiring.open_store(settings),
                warehouse=wiring.open_warehouse(settings),
                config=self.config,
                bsda=resolve_bsda(self.config, text_of(self.bsda), RunTimes.of(context)),
                source=self.source,
                settings=settings,
            )
            self.log.info("%s", result_line(self.step, self.source, result))
            return result
