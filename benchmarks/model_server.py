"""Requests a second that the test server answers, and the processor time that each costs it.

    python benchmarks/model_server.py [connections] [seconds] [latency in seconds]

The server is a process of its own; the connections are kept alive. The load is made in this process, which shares the
machine with the server: the seconds of processor time for a request say more of the server than the requests a second.
"""

import asyncio
import json
import os
import subprocess
import sys
import time

PATH = "/v1/projects/p1/locations/global/publishers/anthropic/models/claude-sonnet-4-6:rawPredict"
BODY = json.dumps(
    {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "합계 1,000"}],
        "tools": [{"name": "give_rows", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "give_rows"},
    }
).encode()
REQUEST = b"\r\n".join(
    [
        f"POST {PATH} HTTP/1.1".encode(),
        b"Host: x",
        b"Authorization: Bearer t",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(BODY),
        b"",
        BODY,
    ]
)


async def ask(port, until, waits):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        sent = time.monotonic()
        writer.write(REQUEST)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b" 200 " in head, head
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        waits.append(time.monotonic() - sent)
    writer.close()


async def load(server, port, connections, seconds):
    """How long each answer took, and the server's threads meanwhile."""
    waits = []
    until = time.monotonic() + seconds
    asking = asyncio.gather(*(ask(port, until, waits) for _ in range(connections)))
    await asyncio.sleep(seconds / 2)
    _, threads = used(server.pid)
    await asking
    return sorted(waits), threads


def used(pid):
    """Processor seconds and threads of a process, on Linux."""
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[17])


def main():
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    latency = sys.argv[3] if len(sys.argv) > 3 else "0"
    command = [sys.executable, "-m", "llm_convert.testing.model_server", "--latency-seconds", latency]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        lines = [server.stdout.readline() for _ in range(5)]
        port = int(next(line for line in lines if "BASE_URL" in line).rpartition(":")[2].removesuffix("/v1\n"))
        before, _ = used(server.pid)
        waits, threads = asyncio.run(load(server, port, connections, seconds))
        after, _ = used(server.pid)
        server.terminate()
    answered = len(waits)
    print(f"{answered / seconds:.0f} requests/s over {connections} connections, latency {latency} s")
    print(f"{1e6 * (after - before) / answered:.0f} us of processor time each, {threads} threads")
    print(
        f"answered after {1e3 * waits[answered // 2]:.1f} ms (median), {1e3 * waits[answered * 99 // 100]:.1f} ms (99%)"
    )


if __name__ == "__main__":
    main()
