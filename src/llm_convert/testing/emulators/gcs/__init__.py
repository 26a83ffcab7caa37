"""Cloud Storage on this machine: the JSON API, and the XML API's basic methods, on the real wire.

It follows the service's documentation: preconditions on every verb, generations, resumable uploads, checksums, ranges,
paging, versioning, batches. Google's own client is what it is tested with. State is in memory. Any credential, or
none, is accepted; what a caller may not do is a dial: access control lists and IAM policies are kept and shown alone.
What is deleted can be restored from memory (256 MiB of it at most) while the bucket's policy says so. Not there: gRPC,
HMAC keys, folders, soft-deleted buckets, filters of listings, expiry by lifecycle rules, and sending notifications.

It imports nothing of ours outside this package, so that it cannot agree with our code by sharing it.

    with GcsEmulator(buckets=["b"]) as gcs:
        os.environ.update(gcs.environment())
        bucket = google.cloud.storage.Client().bucket("b")
        bucket.blob("손익.json").upload_from_string(b"{}", if_generation_match=0)
        assert [found.name for found in gcs.objects("b")] == ["손익.json"]
"""

from __future__ import annotations

from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion
from llm_convert.testing.emulators.gcs.server import GcsEmulator

__all__ = ["Bucket", "Dials", "GcsEmulator", "ObjectVersion"]
