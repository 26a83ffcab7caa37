"""BigQuery's REST API v2 over DuckDB, for google-cloud-bigquery and other clients of the real wire.

    with BigQueryEmulator() as emulator:
        client = bigquery.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.url}
        )

It follows the vendor's documentation and knows nothing of this library's own adapters.
"""

from llm_convert.testing.emulators.bigquery.dials import BigQueryDials
from llm_convert.testing.emulators.bigquery.server import BigQueryEmulator

__all__ = ["BigQueryDials", "BigQueryEmulator"]
