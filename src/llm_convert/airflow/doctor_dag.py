"""A DAG that runs the doctor's checks where the workers run: their packages, account and network are what counts.

from llm_convert.airflow.doctor_dag import doctor_dag

dag = doctor_dag()
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, Param

from llm_convert.airflow.faults import AirflowFailException
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

DAG_ID = "llm_convert_doctor"


class DoctorOperator(BaseOperator):
    """Logs every finding and returns them as dicts; fails, without a retry, when one is wrong.

    Args:
        tenant: whose configuration and job are looked at too; empty: no tenant's.
        call_model: make the smallest call of each model, which costs money; a text ``"True"`` is as good.
        settings: None: those of the worker's environment.
    """

    template_fields: Sequence[str] = ("tenant", "call_model")
    ui_color = "#dcf5e4"

    def __init__(
        self, *, tenant: str = "", call_model: bool | str = False, settings: Settings | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.call_model = call_model
        self.settings = settings

    def execute(self, context: Context) -> list[dict[str, str]]:  # noqa: ARG002
        """Run the checks.

        Raises:
            AirflowFailException: something is wrong; it names each fault and what mends it.
        """
        from llm_convert.doctor import State, diagnose

        settings = self.settings or Settings.from_environment()
        call_model = str(self.call_model).lower() == "true"
        findings = diagnose(settings, os.environ, tenant=self.tenant, call_model=call_model)
        wrong = []
        for finding in findings:
            mend = f" Mend it: {finding.remedy}" if finding.remedy else ""
            said = f"{finding.name}: {finding.detail}.{mend}"
            bad = finding.state in {State.WRONG, State.WARNING}
            (self.log.warning if bad else self.log.info)("%s %s", finding.state.value, said)
            if finding.state is State.WRONG:
                wrong.append(said)
        if wrong:
            raise AirflowFailException(f"{len(wrong)} wrong of {len(findings)} findings: " + " | ".join(wrong))
        return [{"name": f.name, "state": f.state.value, "detail": f.detail, "remedy": f.remedy} for f in findings]


def doctor_dag(**dag_kwargs: Any) -> DAG:
    """A DAG of one task, without a schedule, that runs the doctor's checks in a worker.

    Args:
        dag_kwargs: go to ``DAG`` as they are and win over what is set here.
    """
    arguments: dict[str, Any] = {
        "dag_id": DAG_ID,
        "description": "Checks packages, credentials, permissions and resources where the workers run.",
        "schedule": None,
        "catchup": False,
        "tags": ["llm_convert"],
        "params": {
            "tenant": Param(None, type=["null", "string"], description="A customer code. Empty: no tenant's job."),
            "call_model": Param(False, type="boolean", description="Call each model once, which costs money."),
        },
    }
    dag = DAG(**{**arguments, **dag_kwargs})
    DoctorOperator(
        task_id="check",
        dag=dag,
        retries=0,
        tenant="{{ params.tenant or '' }}",
        call_model="{{ params.call_model }}",
    )
    return dag
