from __future__ import annotations

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery


def client_of(emulator, project="p-1"):
    return bigquery.Client(
        project=project, credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.url}
    )
