"""Application default credentials, fetched for real from a token server on this machine; and what is not installed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from model_world import ANSWER, ask

from llm_convert.completion.errors import ConnectionLostError
from llm_convert.completion.providers.vertex import VertexProvider
from llm_convert.errors import ConfigurationError, MissingExtraError
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings
from llm_convert.testing.model_server import ModelServer


class TokenServer(ThreadingHTTPServer):
    """Google's token endpoint, as far as a service account asks of it."""

    def __init__(self) -> None:
        self.fetched = 0
        self.answer: tuple[int, dict[str, object]] = (
            200,
            {"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"},
        )
        super().__init__(("127.0.0.1", 0), TokenHandler)


class TokenHandler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.fetched += 1
        status, answer = self.server.answer
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    with TokenServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


@pytest.fixture
def account(tmp_path: Path, private_key: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a service account's key file the default credentials, with this token endpoint."""

    def use(token_uri: str) -> None:
        path = tmp_path / "account.json"
        account = {
            "type": "service_account",
            "project_id": "p",
            "client_email": "job@p.iam.gserviceaccount.com",
            "private_key": private_key,
            "private_key_id": "1",
            "token_uri": token_uri,
        }
        path.write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

    return use


def test_many_calls_fetch_one_token(
    account: Callable[[str], None], token_server: TokenServer, completion_request: CompletionRequest
) -> None:
    account(f"http://127.0.0.1:{token_server.server_port}/token")
    with ModelServer(answer_with=lambda request: ANSWER, token="fresh") as server:
        environ = server.environment()

        async def run() -> None:
            provider = VertexProvider(Settings(), environ)
            requests = [replace(completion_request, work_item=f"{number:032x}") for number in range(8)]
            await asyncio.gather(*(provider.complete(request) for request in requests))
            await provider.complete(completion_request)
            await provider.close()

        asyncio.run(run())
        assert [record.status for record in server.ledger] == [200] * 9
    assert token_server.fetched == 1


def test_revoked_credentials(
    account: Callable[[str], None],
    token_server: TokenServer,
    completion_request: CompletionRequest,
    server: ModelServer,
) -> None:
    account(f"http://127.0.0.1:{token_server.server_port}/token")
    token_server.answer = (400, {"error": "invalid_grant", "error_description": "account not found"})
    with pytest.raises(ConfigurationError, match="gcloud auth application-default login"):
        ask(VertexProvider(Settings(), server.environment()), completion_request)
    assert server.received == 0


def test_a_token_endpoint_that_is_away(
    account: Callable[[str], None], completion_request: CompletionRequest, server: ModelServer
) -> None:
    account("http://127.0.0.1:9/token")
    with pytest.raises(ConnectionLostError, match="no access token") as caught:
        ask(VertexProvider(Settings(), server.environment()), completion_request)
    assert not caught.value.may_be_billed


def test_a_missing_package_names_the_extra(
    completion_request: CompletionRequest, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    settings = Settings(vertex_access_token="t")
    with pytest.raises(MissingExtraError, match=r"airflow-provider-llm-convert\[vertex\]"):
        ask(VertexProvider(settings, server.environment()), completion_request)


def test_the_provider_loads_no_vendor_package_before_it_is_asked() -> None:
    code = (
        "import sys; from llm_convert.completion.providers.vertex import VertexProvider;"
        "from llm_convert.settings import Settings;"
        "VertexProvider(Settings(), {'ANTHROPIC_VERTEX_PROJECT_ID': 'p', 'CLOUD_ML_REGION': 'global'});"
        "print(sorted({'anthropic', 'google.auth', 'httpx2', 'httpx', 'requests'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
