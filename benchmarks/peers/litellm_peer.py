"""litellm's Router with one deployment, and its defaults for retries and cooldowns."""

import json

import peer_work
from litellm import Router


def open_client(given):
    deployment = {"model": f"anthropic/{peer_work.MODEL}", "api_base": given.url, "api_key": "local"}
    router = Router(model_list=[{"model_name": "claude", "litellm_params": deployment}])
    function = {"name": peer_work.TOOL_NAME, "description": "Give the rows.", "parameters": peer_work.SCHEMA}

    async def ask(number):
        reply = await router.acompletion(
            model="claude",
            max_tokens=peer_work.MAX_TOKENS,
            messages=[
                {"role": "system", "content": peer_work.SYSTEM},
                {"role": "user", "content": peer_work.text(number)},
            ],
            tools=[{"type": "function", "function": function}],
            tool_choice={"type": "function", "function": {"name": peer_work.TOOL_NAME}},
        )
        answer = json.loads(reply.choices[0].message.tool_calls[0].function.arguments)
        peer_work.check(number, answer["rows"])
        return answer

    return ask


if __name__ == "__main__":
    peer_work.run(open_client)
