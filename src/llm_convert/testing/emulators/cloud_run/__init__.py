"""The Cloud Run Admin API v2 for jobs on this machine, over REST and gRPC, with executions as real processes.

An image is only a name: what runs is a container's ``command`` and ``args``, in a process group of its own, with the
variables that Cloud Run sets. Answers follow the vendor's documentation, for the vendor's own clients.

    with CloudRunEmulator() as cloud_run:
        cloud_run.deploy("projects/p/locations/l/jobs/convert", command=["python", "-m", "job"])
        client = run_v2.JobsClient(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": cloud_run.url},
        )
        execution = client.run_job(name="projects/p/locations/l/jobs/convert").result()
"""

from __future__ import annotations

from llm_convert.testing.emulators.cloud_run.dials import Dials
from llm_convert.testing.emulators.cloud_run.server import CloudRunEmulator

__all__ = ["CloudRunEmulator", "Dials"]
