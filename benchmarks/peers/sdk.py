"""The vendor's SDK in a loop, as its manual shows it: ``AsyncAnthropicVertex``, and its own retries."""

import anthropic
import peer_work


def open_client(given):
    retries = {} if given.retries is None else {"max_retries": given.retries}
    client = anthropic.AsyncAnthropicVertex(
        project_id="local", region="global", access_token="local", base_url=f"{given.url}/v1", **retries
    )
    tool = {"name": peer_work.TOOL_NAME, "description": "Give the rows.", "input_schema": peer_work.SCHEMA}

    async def ask(number):
        message = await client.messages.create(
            model=peer_work.MODEL,
            max_tokens=peer_work.MAX_TOKENS,
            system=peer_work.SYSTEM,
            messages=[{"role": "user", "content": peer_work.text(number)}],
            tools=[tool],
            tool_choice={"type": "tool", "name": peer_work.TOOL_NAME},
        )
        answer = message.content[0].input
        peer_work.check(number, answer["rows"])
        return answer

    return ask


if __name__ == "__main__":
    peer_work.run(open_client)
