"""The Cloud Build API v1 on this machine, over REST and gRPC, with build steps as real processes.

A step's image is only a name: what runs is its ``entrypoint`` and ``args``, or its ``script``, in a workspace that all
steps of a build share. ``/workspace`` and the paths of volumes become folders of the build where they stand in a
step's arguments, variables or script. Not here: triggers, worker pools, approvals, pushing images and uploading
artifacts (a warning of the build says so), and the shell's parameter expansions in substitutions.

    with CloudBuildEmulator() as cloud_build:
        client = cloudbuild_v1.CloudBuildClient(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": cloud_build.url},
        )
        build = cloudbuild_v1.Build(steps=[{"name": "ubuntu", "script": "echo hello"}])
        built = client.create_build(project_id="demo", build=build).result()
        print(cloud_build.logs(built.id))
"""

from __future__ import annotations

from llm_convert.testing.emulators.cloud_build.dials import Dials
from llm_convert.testing.emulators.cloud_build.server import CloudBuildEmulator

__all__ = ["CloudBuildEmulator", "Dials"]
