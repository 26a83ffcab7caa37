"""The table of remote procedures: name, request, HTTP bindings and permission, as the vendor publishes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from google.cloud import run_v2
from google.iam.v1 import iam_policy_pb2  # type: ignore[import-untyped]
from google.longrunning import operations_pb2  # type: ignore[import-untyped]

from llm_convert.testing.emulators.cloud_run.executions import Executions
from llm_convert.testing.emulators.cloud_run.jobs import Jobs
from llm_convert.testing.emulators.cloud_run.runs import run_job
from llm_convert.testing.emulators.cloud_run.state import State
from llm_convert.testing.emulators.google_api.transcoding import HttpRule, Method

_LOCATION = "projects/*/locations/*"
_JOB = f"{_LOCATION}/jobs/*"
_EXECUTION = f"{_JOB}/executions/*"
_OPERATION = f"{_LOCATION}/operations/*"


def methods(state: State) -> tuple[Method, ...]:
    """All methods, over one state."""
    return (*_jobs(state), *_executions(state), *_operations(state))


def _method(
    service: str, name: str, request: Any, handle: Callable[[Any], Any], http: str, permission: str = ""
) -> Method:
    """``http`` is ``VERB template [body]``."""
    verb, template, *body = http.split(" ")
    return Method(
        service=service,
        name=name,
        request=request,
        handle=handle,
        rules=(HttpRule(verb=verb, template=template, body="".join(body)),),
        permission=permission,
    )


def _jobs(state: State) -> list[Method]:
    jobs, of = Jobs(state), partial(_method, "google.cloud.run.v2.Jobs")
    resource = f"/v2/{{resource={_JOB}}}"
    return [
        of("CreateJob", run_v2.CreateJobRequest.pb(), jobs.create_job,
           f"POST /v2/{{parent={_LOCATION}}}/jobs job", "run.jobs.create"),
        of("GetJob", run_v2.GetJobRequest.pb(), jobs.get_job, f"GET /v2/{{name={_JOB}}}", "run.jobs.get"),
        of("ListJobs", run_v2.ListJobsRequest.pb(), jobs.list_jobs,
           f"GET /v2/{{parent={_LOCATION}}}/jobs", "run.jobs.list"),
        of("UpdateJob", run_v2.UpdateJobRequest.pb(), jobs.update_job,
           f"PATCH /v2/{{job.name={_JOB}}} job", "run.jobs.update"),
        of("DeleteJob", run_v2.DeleteJobRequest.pb(), jobs.delete_job,
           f"DELETE /v2/{{name={_JOB}}}", "run.jobs.delete"),
        of("RunJob", run_v2.RunJobRequest.pb(), partial(run_job, state),
           f"POST /v2/{{name={_JOB}}}:run *", "run.jobs.run"),
        of("GetIamPolicy", iam_policy_pb2.GetIamPolicyRequest, jobs.get_iam_policy,
           f"GET {resource}:getIamPolicy", "run.jobs.getIamPolicy"),
        of("SetIamPolicy", iam_policy_pb2.SetIamPolicyRequest, jobs.set_iam_policy,
           f"POST {resource}:setIamPolicy *", "run.jobs.setIamPolicy"),
        of("TestIamPermissions", iam_policy_pb2.TestIamPermissionsRequest, jobs.test_iam_permissions,
           f"POST {resource}:testIamPermissions *"),
    ]  # fmt: skip


def _executions(state: State) -> list[Method]:
    executions, of = Executions(state), partial(_method, "google.cloud.run.v2.Executions")
    of_tasks, one = partial(_method, "google.cloud.run.v2.Tasks"), f"/v2/{{name={_EXECUTION}}}"
    return [
        of("GetExecution", run_v2.GetExecutionRequest.pb(), executions.get_execution,
           f"GET {one}", "run.executions.get"),
        of("ListExecutions", run_v2.ListExecutionsRequest.pb(), executions.list_executions,
           f"GET /v2/{{parent={_JOB}}}/executions", "run.executions.list"),
        of("DeleteExecution", run_v2.DeleteExecutionRequest.pb(), executions.delete_execution,
           f"DELETE {one}", "run.executions.delete"),
        of("CancelExecution", run_v2.CancelExecutionRequest.pb(), executions.cancel_execution,
           f"POST {one}:cancel *", "run.executions.cancel"),
        of_tasks("GetTask", run_v2.GetTaskRequest.pb(), executions.get_task,
                 f"GET /v2/{{name={_EXECUTION}/tasks/*}}", "run.tasks.get"),
        of_tasks("ListTasks", run_v2.ListTasksRequest.pb(), executions.list_tasks,
                 f"GET /v2/{{parent={_EXECUTION}}}/tasks", "run.tasks.list"),
    ]  # fmt: skip


def _operations(state: State) -> list[Method]:
    operations, of = state.operations, partial(_method, "google.longrunning.Operations")
    one = f"/v2/{{name={_OPERATION}}}"
    return [
        of("GetOperation", operations_pb2.GetOperationRequest, operations.get, f"GET {one}", "run.operations.get"),
        of("WaitOperation", operations_pb2.WaitOperationRequest, operations.wait,
           f"POST {one}:wait *", "run.operations.get"),
        of("ListOperations", operations_pb2.ListOperationsRequest, operations.list,
           f"GET /v2/{{name={_LOCATION}}}/operations", "run.operations.list"),
        of("DeleteOperation", operations_pb2.DeleteOperationRequest, operations.delete,
           f"DELETE {one}", "run.operations.delete"),
    ]  # fmt: skip
