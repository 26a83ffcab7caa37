"""What our DAG factory costs over bare DAGs of the same shape: 500 tenants, from CONFIG dicts and from one YAML file.

    python benchmarks/parse_dags.py [tenants] [rounds]

Prints milliseconds of CPU time a DAG, the best of the rounds, and the ratios. Rounds alternate, so that a busy machine
slows both alike.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

HOME = tempfile.mkdtemp(prefix="llm-convert-bench-")
os.environ.setdefault("AIRFLOW_HOME", HOME)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

from airflow.sdk import DAG, BaseOperator, Param  # noqa: E402

from llm_convert.airflow.factory import tenant_dag, tenant_dags  # noqa: E402
from llm_convert.airflow.shape import steps_of  # noqa: E402
from llm_convert.contracts.tenant import TenantConfig  # noqa: E402
from llm_convert.tenants import read_tenants_yaml  # noqa: E402

TENANT = """
  - customer_code: c{number:05d}
    customer_name: name{number}
    sources:
      shared_drive: {{id: s{number:05d}, url: drive/c{number:05d}/shared_drive, llm_transform: true}}
      email: {{id: e{number:05d}, results_of: shared_drive}}
    file_mapping:
      - {{file_id: WEEKLY_PROFIT_AND_LOSS, glob: "*주간손익*"}}
      - {{file_id: RESERVATION_REPORT, glob: "*예약현황*"}}
"""
SHAPE = steps_of(
    TenantConfig(
        customer_code="c",
        sources={
            "shared_drive": {"id": "s", "url": "d", "llm_transform": True},
            "email": {"id": "e", "results_of": "shared_drive"},
        },
    )
)


class BareOperator(BaseOperator):
    template_fields = ("bsda",)

    def __init__(self, *, step, bsda, **kwargs):
        super().__init__(**kwargs)
        self.step = step
        self.bsda = bsda


def bare_dag(number):
    params = {
        "BSDA": Param("", type="string"),
        "FILE_ID": Param(None, type=["null", "string"]),
        "PROMPT_ID": Param(None, type=["null", "string"]),
        "force": Param(False, type="boolean"),
    }
    dag = DAG(f"bare{number:05d}", schedule="0 23 * * *", tags=["a", "b"], max_active_runs=1, params=params)
    operators = {step.task_id: BareOperator(task_id=step.task_id, dag=dag, step=step.step, bsda="x") for step in SHAPE}
    for step in SHAPE:
        if step.after:
            operators[step.task_id].set_upstream([operators[task_id] for task_id in step.after])
    return dag


def timed(make):
    began = time.process_time()
    made = make()
    return time.process_time() - began, len(made)


def main():
    count, rounds = (int(text) for text in [*sys.argv[1:], "500", "5"][:2])
    path = Path(HOME) / "tenants.yaml"
    head = "defaults: {transform_schedule: ['23']}\ntenants:"
    path.write_text(head + "".join(TENANT.format(number=number) for number in range(count)), encoding="utf-8")
    configs = [entry for _, entry in read_tenants_yaml(path)]
    bare, dicts, yaml = [], [], []
    for _ in range(rounds):
        bare.append(timed(lambda: [bare_dag(number) for number in range(count)]))
        dicts.append(timed(lambda: [tenant_dag(config) for config in configs]))
        yaml.append(timed(lambda: tenant_dags(path)))
    assert {made for _, made in bare + dicts + yaml} == {count}
    best, of_dicts, of_yaml = (min(seconds for seconds, _ in found) * 1000 / count for found in (bare, dicts, yaml))
    print(f"{count} DAGs of {len(SHAPE)} tasks, milliseconds of CPU a DAG")
    print(f"bare             {best:.2f}")
    print(f"from CONFIG      {of_dicts:.2f}  ratio {of_dicts / best:.2f}")
    print(f"from one YAML    {of_yaml:.2f}  ratio {of_yaml / best:.2f}")


main()
