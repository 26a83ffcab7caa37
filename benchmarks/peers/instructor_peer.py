"""instructor over the vendor's SDK, with its defaults: three tries of its own over the SDK's two retries."""

import anthropic
import instructor
import peer_models
import peer_work


def open_client(given):
    client = instructor.from_anthropic(anthropic.AsyncAnthropic(base_url=given.url, api_key="local"))

    async def ask(number):
        answer = await client.messages.create(
            model=peer_work.MODEL,
            max_tokens=peer_work.MAX_TOKENS,
            system=peer_work.SYSTEM,
            messages=[{"role": "user", "content": peer_work.text(number)}],
            response_model=peer_models.Answer,
        )
        found = answer.model_dump()
        peer_work.check(number, found["rows"])
        return found

    return ask


if __name__ == "__main__":
    peer_work.run(open_client)
