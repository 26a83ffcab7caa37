"""curator's LLM over all documents at once, with its own retries and its own cache of answers.

Its ceilings a minute are set far away, for it would else keep to defaults that are no measure of this service.
"""

import os
import time

import litellm.litellm_core_utils.default_encoding  # noqa: F401 - has tiktoken find its words without the network
import peer_models
import peer_work
from bespokelabs import curator

FAR_AWAY = 100_000_000


class Sales(curator.LLM):
    """One document a row."""

    response_format = peer_models.Answer

    def prompt(self, input: dict) -> str:
        return f"{peer_work.SYSTEM}\n\n{peer_work.text(input['document'])}"

    def parse(self, input: dict, response: peer_models.Answer) -> dict:
        found = response.model_dump()
        peer_work.check(input["document"], found["rows"])
        return {"document": input["document"], "rows": len(found["rows"])}


def main():
    given = peer_work.options()
    os.environ["ANTHROPIC_API_KEY"] = "local"
    os.environ["CURATOR_CACHE_DIR"] = str(given.folder / "cache")
    limits = ("max_requests_per_minute", "max_input_tokens_per_minute", "max_output_tokens_per_minute")
    model = Sales(
        model_name=peer_work.MODEL,
        backend="anthropic",
        generation_params={"max_tokens": peer_work.MAX_TOKENS},
        backend_params={
            "base_url": f"{given.url}/v1",
            "api_key": "local",
            "max_concurrent_requests": given.in_flight,
            "require_all_responses": False,
            **dict.fromkeys(limits, FAR_AWAY),
        },
    )
    started, cpu = time.monotonic(), peer_work.cpu_seconds()
    found = model([{"document": number} for number in range(given.count)])
    landed = len({row["document"] for row in found.dataset})
    failed = {"failed": given.count - landed} if landed < given.count else {}
    peer_work.tell(landed, failed, time.monotonic() - started, peer_work.cpu_seconds() - cpu)


if __name__ == "__main__":
    main()
