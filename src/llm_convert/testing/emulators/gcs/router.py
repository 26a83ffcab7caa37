"""Which method of the JSON API a request calls."""

from __future__ import annotations

from dataclasses import replace

from llm_convert.testing.emulators.gcs import acls, buckets, copies, objects, resumable, uploads
from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.downloads import media
from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid, no_route, required
from llm_convert.testing.emulators.gcs.notifications import Notifications
from llm_convert.testing.emulators.gcs.resources import PROJECT_NUMBER
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call

API = "/storage/v1/"
UPLOAD = ("/upload/storage/v1/", "/resumable/upload/storage/v1/")
DOWNLOAD = "/download/storage/v1/"


class Router:
    """The JSON API over one storage, with what is under way there."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._sessions = resumable.Sessions()
        self._rewrites = copies.Rewrites()
        self._notifications = Notifications()

    def knows(self, path: str) -> bool:
        """The path is of the JSON API."""
        return path.startswith((API, DOWNLOAD, *UPLOAD))

    def answer(self, call: Call) -> Answer:
        """Carry out one request; HEAD is a GET whose body nobody sends. Raises RefusedError."""
        if call.method == "HEAD":
            call = replace(call, method="GET")
        for prefix in (API, DOWNLOAD, *UPLOAD):
            if call.path.startswith(prefix):
                rest = call.segments[prefix.count("/") - 1 :]
                break
        else:
            raise no_route()
        if prefix in UPLOAD:
            return self._upload(call, rest)
        if prefix == DOWNLOAD and (call.method != "GET" or call.text("alt") != "media"):
            raise no_route()
        match rest:
            case ["b", *within]:
                return self._in_buckets(call, within)
            case ["projects", project, "serviceAccount"] if call.method == "GET":
                return _service_account(project)
            case _:
                raise no_route()

    def _in_buckets(self, call: Call, within: list[str]) -> Answer:
        method = "PATCH" if call.headers.get("x-http-method-override") == "PATCH" else call.method
        match within:
            case [bucket, "acl" | "defaultObjectAcl", *rest] if len(rest) < 2:
                return acls.answer(self._storage, call, bucket, within[1:])
            case [bucket, "o", _, "acl", *rest] if len(rest) < 2:
                return acls.answer(self._storage, call, bucket, within[1:])
            case [bucket, "notificationConfigs", *rest]:
                return self._notifications.answer(self._storage, call, bucket, rest)
            case _:
                return self._of_resources(method, call, within)

    def _of_resources(self, method: str, call: Call, within: list[str]) -> Answer:
        match method, within:
            case "POST", []:
                return buckets.insert(self._storage, call)
            case "GET", []:
                return buckets.list_buckets(self._storage, call)
            case _, [bucket]:
                return self._bucket(method, call, bucket)
            case "GET", [bucket, "iam"]:
                return buckets.get_policy(self._storage, call, bucket)
            case "PUT", [bucket, "iam"]:
                return buckets.set_policy(self._storage, call, bucket)
            case "GET", [bucket, "iam", "testPermissions"]:
                return buckets.test_permissions(self._storage, call, bucket)
            case "GET", [bucket, "storageLayout"]:
                return buckets.layout(self._storage, call, bucket)
            case "POST", [bucket, "lockRetentionPolicy"]:
                return buckets.lock_retention(self._storage, call, bucket)
            case "GET", [bucket, "o"]:
                return objects.list_objects(self._storage, call, bucket)
            case "POST", [bucket, "o"]:
                return uploads.insert_without_media(self._storage, call, bucket)
            case _, [bucket, "o", name]:
                return self._object(method, call, bucket, name)
            case "POST", [bucket, "o", name, *verb]:
                return self._of_objects(call, (bucket, name), verb)
            case _:
                raise no_route()

    def _bucket(self, method: str, call: Call, bucket: str) -> Answer:
        methods = {"GET": buckets.get, "PATCH": buckets.patch, "PUT": buckets.update, "DELETE": buckets.delete}
        if method not in methods:
            raise no_route()
        return methods[method](self._storage, call, bucket)

    def _object(self, method: str, call: Call, bucket: str, name: str) -> Answer:
        if method == "GET" and call.text("alt") == "media":
            return self._download(call, bucket, name)
        methods = {"GET": objects.get, "PATCH": objects.patch, "PUT": objects.update, "DELETE": objects.delete}
        if method not in methods:
            raise no_route()
        return methods[method](self._storage, call, bucket, name)

    def _download(self, call: Call, bucket: str, name: str) -> Answer:
        self._storage.require("storage.objects.get")
        try:
            version = self._storage.find(bucket, name, call.number("generation"), Conditions.of(call))
        except RefusedError as error:
            # The service's download servers speak plain text.
            error.plain = error.status == 404
            raise
        return media(version, call)

    def _of_objects(self, call: Call, source: copies.Place, verb: list[str]) -> Answer:
        match verb:
            case ["restore"]:
                return objects.restore(self._storage, call, *source)
            case ["compose"]:
                return copies.compose(self._storage, call, source)
            case ["copyTo", "b", bucket, "o", name]:
                return copies.copy(self._storage, call, source, (bucket, name))
            case ["rewriteTo", "b", bucket, "o", name]:
                return self._rewrites.rewrite(self._storage, call, source, (bucket, name))
            case ["moveTo", "o", name]:
                return copies.move(self._storage, call, source, (source[0], name))
            case _:
                raise no_route()

    def _upload(self, call: Call, rest: tuple[str, ...]) -> Answer:
        match rest:
            case ("b", bucket, "o"):
                pass
            case _:
                raise no_route()
        if call.text("upload_id"):
            return self._session(call)
        if call.method != "POST":
            raise required("upload_id")
        match call.text("uploadType"):
            case "media":
                return uploads.media(self._storage, call, bucket)
            case "multipart":
                return uploads.multipart(self._storage, call, bucket)
            case "resumable":
                return self._sessions.open(self._storage, call, bucket)
            case "":
                raise required("uploadType")
            case other:
                raise invalid(f"Invalid value for uploadType: {other!r}", "uploadType")

    def _session(self, call: Call) -> Answer:
        if call.method in {"PUT", "POST"}:
            return self._sessions.put(self._storage, call)
        if call.method == "DELETE":
            return self._sessions.cancel(call)
        raise no_route()


def _service_account(project: str) -> Answer:
    address = f"service-{PROJECT_NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    return Answer.of_json({"kind": "storage#serviceAccount", "email_address": address, "projectId": project})
