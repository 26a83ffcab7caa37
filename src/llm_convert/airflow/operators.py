"""The operators of a tenant's DAG. Everything heavy is imported when a task executes, never when a DAG is parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator

from llm_convert.airflow.asking import Asked, open_batch, resume_batch, text_of
from llm_convert.airflow.assets import emit_assets
from llm_convert.airflow.bsda import RunTimes, resolve_bsda
from llm_convert.airflow.faults import told_to_airflow
from llm_convert.airflow.form import refuse_unknown_keys
from llm_convert.airflow.lines import result_line
from llm_convert.airflow.links import BATCH_LINKS, STEP_LINKS, links_of, table_links
from llm_convert.contracts.base import parse
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from llm_convert.airflow.batch import Batch
    from llm_convert.execution.launch import Launched


class LlmConvertBatchOperator(BaseOperator):
    """Starts the conversion job for a tenant and BSDA, or finds the one this task started, and waits for its verdict.

    A retry re-attaches to the running execution and never starts a second. Killing the task cancels its execution.
    Deferrable, it holds no worker's slot while it waits: the triggerer waits. Returns a ``RunSummary`` as a dict. A
    failure that a retry cannot mend fails the task at once.

    Args:
        tenant: the customer code; by default that of ``config``.
        config: the tenant's configuration; None: the one that ``LLM_CONVERT_TENANTS`` or the store holds.
        bsda: 8 or 14 digits; empty: the newest scheduled time of the DAG run.
        file_id: only documents of this kind; empty: all.
        prompt_id: only this prompt; empty: all.
        force: convert again, and pay again, what is already done.
        deferrable: None: what Airflow's ``[operators] default_deferrable`` says.
        settings: None: those of the worker's environment.
    """

    template_fields: Sequence[str] = ("tenant", "bsda", "file_id", "prompt_id", "force")
    operator_extra_links = BATCH_LINKS
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
        deferrable: bool | None = None,
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
        self.deferrable = defers_by_default() if deferrable is None else deferrable
        self.settings = settings
        self.links: dict[str, str] = {}
        self._batch: Batch | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Launch or attach; then watch and return the run's summary, or defer where that is asked for.

        Raises:
            AirflowFailException: the data or the configuration is at fault.
            AirflowException: a retry may help.
            TaskDeferred: the triggerer waits; ``execute_complete`` goes on.
        """
        asked = Asked(
            tenant=self.tenant, bsda=self.bsda, file_id=self.file_id, prompt_id=self.prompt_id, force=self.force
        )
        with told_to_airflow():
            self._batch, keys = open_batch(
                asked, context, config=self.config, settings=self.settings, retries=self.retries
            )
            launched = self._batch.launch(keys)
            self.links = links_of(self._batch)
            for key, url in self.links.items():
                context["ti"].xcom_push(key=key, value=url)
            if self.deferrable and launched.finished is None:
                self._defer(self._batch, launched)
            return self._batch.watch().model_dump(mode="json")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Judge the execution that the trigger waited for, and return the run's summary.

        Args:
            context: the task's context.
            event: as ``ConversionTrigger`` fired it.

        Raises:
            AirflowFailException: the data or the configuration is at fault.
            AirflowException: a retry may help.
        """
        from llm_convert.airflow.waiting import Ended

        with told_to_airflow():
            ended = Ended.model_validate(event)
            self._batch = resume_batch(ended.waiting, config=self.config, settings=self.settings)
            self.links = links_of(self._batch)
            return self._batch.judge(ended).model_dump(mode="json")

    def on_kill(self) -> None:
        """Cancel the execution: nobody waits for it any more."""
        if self._batch is not None:
            self._batch.cancel()

    def _defer(self, batch: Batch, launched: Launched) -> NoReturn:
        from llm_convert.airflow.triggers import ConversionTrigger
        from llm_convert.airflow.waiting import Waiting

        waiting = Waiting.of(
            launched, batch.request, batch.settings, now=datetime.now(UTC), execution_timeout=self.execution_timeout
        )
        self.log.info("waiting in the triggerer for execution %s", batch.execution)
        self.defer(trigger=ConversionTrigger(waiting), method_name="execute_complete")
        raise AssertionError("defer always raises")


class PipelineStepOperator(BaseOperator):
    """Runs one step of the pipeline in the worker and returns its small account.

    ``tag`` also tells Airflow of each table it landed, where the task has ``assets.tag_outlets`` as outlets.

    Args:
        step: as ``pipeline.steps.run_step`` calls it.
        source: the source's name; empty for ``check``.
        config: the tenant's configuration.
        bsda: 8 or 14 digits; empty: the newest scheduled time of the DAG run.
        settings: None: those of the worker's environment.
    """

    template_fields: Sequence[str] = ("bsda",)
    operator_extra_links = STEP_LINKS
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
        self.links: dict[str, str] = {}

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
            if self.step == "tag":
                self.links = table_links(settings.warehouse_url, result)
                if self.outlets:
                    emit_assets(context, self.config, self.source, result)
            return result


def defers_by_default() -> bool:
    """Airflow's ``[operators] default_deferrable``."""
    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # Airflow 3.1 has it elsewhere.
        from airflow.configuration import conf  # type: ignore[assignment, unused-ignore]

    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))
