"""This library's engine and whole job beside other ways to call Claude many times, on one local server.

    python benchmarks/engine_peers.py [--quick] [--scenarios a,b,...] [--contestants NAME,...] [--write]

Each contestant runs in an environment of its own, which uv makes once, and is a process of its own with 64 calls in
flight:

- a: 2,000 calls of 200 ms; the ideal is 6.25 s
- b: 600 documents under a limit of 50 a second that says no Retry-After; the ideal is 12 s
- c: the same with Retry-After: 1
- d: 8 in flight, killed with SIGKILL when half of 200 documents are answered, and started again: what is paid twice;
  what the server was answering, or had answered in the last quarter of a second, is told apart as under way
- e: peak memory at 20,000 documents that are answered at once (``--documents`` says how many)
- f: seconds of wall time and CPU of the client's import, the median of five

Seconds are those from the first call to the last answer, as the server saw it, and those of the whole process. CPU is
the whole process's, start included. ``--write`` puts the tables into docs/benchmarks.md and the plot beside it.
Nothing but 127.0.0.1 is called, but for uv's packages.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
WORKERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(os.environ.get("LLM_CONVERT_PEERS", REPOSITORY / ".tools" / "engine_peers"))
DOCS, PLOT = REPOSITORY / "docs" / "benchmarks.md", REPOSITORY / "docs" / "images" / "engine_peers.svg"
BEGIN, END = "<!-- engine_peers: begin -->", "<!-- engine_peers: end -->"
OURS = "ours"
IN_FLIGHT, FEW_IN_FLIGHT = 64, 8
LIMIT = 50.0
BURST = 5.0
LATENCY = 0.2
ANTHROPIC = "anthropic[vertex]==2.11.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A way to call Claude, and how it is run."""

    title: str
    environment: str
    packages: tuple[str, ...]
    worker: str
    """A script of ``peers``; empty: the whole job."""
    imports: str
    arguments: tuple[str, ...] = ()
    kills_too: tuple[str, ...] = ()
    """More arguments for a second row in scenario d."""
    tasks_too: int = 0
    """Of the whole job: as how many tasks it runs for a second row in scenario a."""


SDK_IMPORT = "from anthropic import AsyncAnthropicVertex"
CONTESTANTS = {
    "job": Contestant(
        title="llm_convert, whole job",
        environment=OURS,
        packages=(),
        worker="",
        imports=f"import llm_convert.job.main, llm_convert.stores.local; {SDK_IMPORT}",
        tasks_too=2,
    ),
    "engine": Contestant(
        title="llm_convert, engine and journal",
        environment=OURS,
        packages=(),
        worker="our_engine.py",
        imports=f"import llm_convert.wiring, llm_convert.completion.engine, llm_convert.claims.journal; {SDK_IMPORT}",
    ),
    "sdk": Contestant(
        title="anthropic SDK",
        environment="sdk",
        packages=(ANTHROPIC,),
        worker="sdk.py",
        imports=SDK_IMPORT,
        kills_too=("--keep",),
    ),
    "sdk10": Contestant(
        title="anthropic SDK, max_retries=10",
        environment="sdk",
        packages=(ANTHROPIC,),
        worker="sdk.py",
        imports=SDK_IMPORT,
        arguments=("--retries", "10"),
        kills_too=("--keep",),
    ),
    "instructor": Contestant(
        title="instructor",
        environment="instructor",
        packages=("instructor[anthropic]",),
        worker="instructor_peer.py",
        imports="import instructor; from anthropic import AsyncAnthropic",
        kills_too=("--keep",),
    ),
    "litellm": Contestant(
        title="litellm Router",
        environment="litellm",
        packages=("litellm", "mcp"),
        worker="litellm_peer.py",
        imports="from litellm import Router",
        kills_too=("--keep",),
    ),
    "curator": Contestant(
        title="curator",
        environment="curator",
        packages=("bespokelabs-curator",),
        worker="curator_peer.py",
        imports="from bespokelabs import curator",
    ),
}


@dataclass(slots=True, kw_only=True)
class Load:
    """One scenario's numbers."""

    count: int
    dials: dict
    bound: float
    """Seconds after which a run is stopped."""
    in_flight: int = IN_FLIGHT


@dataclass(slots=True, kw_only=True)
class Ended:
    """What one process did, as it and the system tell."""

    wall: float
    cpu: float
    peak_mb: float
    code: int
    stopped: bool = False
    told: dict = field(default_factory=dict)
    stderr: str = ""


class Server:
    """The stand-in for Claude's API, in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self, dials: dict) -> None:
        data = json.dumps(dials).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/reset", data, method="POST"), timeout=10).close()

    def stats(self, *, by_marker: bool = False) -> dict:
        with urllib.request.urlopen(f"{self.url}/stats?markers={int(by_marker)}", timeout=30) as answer:
            return json.load(answer)


@contextmanager
def serving(seconds: float) -> Iterator[Server]:
    command = [sys.executable, str(Path(__file__).with_name("fast_model_server.py")), "--max-seconds", f"{seconds:g}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Server(f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}")
    finally:
        process.terminate()
        process.wait(timeout=10)


class Run:
    """One contestant's worker over one folder: it can be started, killed and started again."""

    def __init__(self, contestant: Contestant, server: Server, folder: Path, load: Load, more: tuple[str, ...]) -> None:
        self._contestant, self._server, self._folder = contestant, server, folder
        self._count, self._in_flight = load.count, load.in_flight
        self._more = (*contestant.arguments, *more)
        self._starts = 0
        if not contestant.worker:
            run(str(python_of(OURS)), str(WORKERS / "our_night.py"), str(folder / "home"), str(load.count))

    def start(self) -> subprocess.Popen:
        self._starts += 1
        out, err = ((self._folder / name).open("w") for name in ("stdout", "stderr"))
        with out, err:
            return subprocess.Popen(self._command(), env=self._environment(), stdout=out, stderr=err, cwd=self._folder)

    def wait(self, process: subprocess.Popen, started: float, bound: float) -> Ended:
        """Until it ends, or is stopped by its id when the time is over."""
        try:
            status, usage = waited(process, started + bound)
        except BaseException:
            process.kill()
            raise
        stopped = status is None
        if stopped:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Ended(
            wall=time.monotonic() - started,
            cpu=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss / 1024,
            code=process.returncode,
            stopped=stopped,
            told=self._told(),
            stderr=(self._folder / "stderr").read_text(errors="replace")[-2000:],
        )

    def whole(self, bound: float) -> Ended:
        started = time.monotonic()
        return self.wait(self.start(), started, bound)

    def _command(self) -> list[str]:
        python = str(python_of(self._contestant.environment))
        if not self._contestant.worker:
            tasks = [str(WORKERS / "our_tasks.py"), *self._more] if self._more else ["-m", "llm_convert.job"]
            return [python, *tasks]
        return [
            *(python, str(WORKERS / self._contestant.worker), "--url", self._server.url, "--count", str(self._count)),
            *("--in-flight", str(self._in_flight), "--folder", str(self._folder), *self._more),
        ]

    def _environment(self) -> dict[str, str]:
        known = {**plain_environment(), "HOME": str(self._folder)}
        if self._contestant.worker:
            return known
        home = self._folder / "home"
        return {
            **known,
            "LLM_CONVERT_HOME": str(home),
            "LLM_CONVERT_STORE": f"file://{home}/store",
            "LLM_CONVERT_PROMPTS": str(home / "prompts"),
            "LLM_CONVERT_PROVIDER": "vertex",
            # Rows by the model itself, as the others ask for.
            "LLM_CONVERT_STRATEGIES": "kept,direct",
            "LLM_CONVERT_VERTEX_ACCESS_TOKEN": "local",
            "ANTHROPIC_VERTEX_BASE_URL": f"{self._server.url}/v1",
            "ANTHROPIC_VERTEX_PROJECT_ID": "local",
            "CLOUD_ML_REGION": "global",
            "LLM_CONVERT_CONCURRENCY": str(self._in_flight),
            "LLM_CONVERT_RUN_ID": f"bench-{self._starts:02d}",
            "TENANT_CODE": "bench",
            "BSDA": "20251107230000",
        }

    def _told(self) -> dict:
        """The worker's own account; of the job, from its report."""
        if not self._contestant.worker:
            return reported(self._folder / "home" / "store", f"bench-{self._starts:02d}")
        lines = (self._folder / "stdout").read_text(errors="replace").splitlines()
        return next((json.loads(line) for line in reversed(lines) if line.startswith('{"landed"')), {})


def waited(process: subprocess.Popen, until: float) -> tuple[int | None, resource.struct_rusage | None]:
    """The process's status and what it used; Nones when it still runs at that time."""
    while time.monotonic() < until:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            return status, usage
        time.sleep(0.01)
    return None, None


def reported(store: Path, run_id: str) -> dict:
    """What the job's committed report says."""
    path = store / "tenants" / "bench" / "runs" / "20251107230000" / "run" / run_id / "report.json"
    if not path.exists():
        return {}
    items = json.loads(path.read_text(encoding="utf-8"))["items"]
    causes = [str(item.get("cause")) for item in items if item["outcome"] != "SUCCEEDED"]
    return {"landed": len(items) - len(causes), "failed": {cause: causes.count(cause) for cause in set(causes)}}


# Environments


def uv() -> str:
    """The repository's own uv, else the one on PATH."""
    own = REPOSITORY / ".tools" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if not found:
        sys.exit("uv is not there: put it into .tools/bin or on PATH")
    return found


def python_of(environment: str) -> Path:
    return ENVIRONMENTS / environment / "bin" / "python"


def install(environment: str, packages: tuple[str, ...], *, wheel: Path) -> str:
    """Make the environment unless it is there with these packages; why it can't be, or nothing."""
    wanted = packages or (f"airflow-provider-llm-convert[vertex,documents] @ {wheel.as_uri()}", ANTHROPIC)
    mark, python = ENVIRONMENTS / environment / "packages.json", str(python_of(environment))
    if packages and mark.exists() and json.loads(mark.read_text()) == list(wanted):
        return ""
    try:
        if not mark.exists():
            folder = str(ENVIRONMENTS / environment)
            run(uv(), "venv", "--quiet", "--no-config", "--clear", "--python", sys.executable, folder)
        run(
            *(uv(), "pip", "install", "--quiet", "--no-config", "--compile-bytecode", "--python", python),
            *reinstalled(packages),
            *wanted,
        )
    except subprocess.CalledProcessError as error:
        return f"not installed: {' '.join(error.stderr.split())[:300]}"
    mark.write_text(json.dumps(list(wanted)))
    return ""


def reinstalled(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Ours is built anew from the source tree each time, under the same version."""
    return () if packages else ("--reinstall-package", "airflow-provider-llm-convert")


def version_of(contestant: Contestant) -> str:
    name = (contestant.packages or ("airflow-provider-llm-convert",))[0].partition("[")[0].partition("=")[0]
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return run(str(python_of(contestant.environment)), "-c", code).strip()


def plain_environment() -> dict[str, str]:
    """This process's environment without what speaks of another Python, a key, a proxy or this library."""
    foreign = ("PYTHON", "VIRTUAL_ENV", "LLM_CONVERT_", "ANTHROPIC_", "GOOGLE_", "CLOUD_", "OPENAI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    quiet = {"CURATOR_DISABLE_RICH_DISPLAY": "1", "TELEMETRY_ENABLED": "false", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    # A proxy that nobody serves: whatever a client wants to tell its makers stays here.
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return {**kept, **nowhere, **local, **quiet}


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# Scenarios: each gives a contestant's rows


class Bench:
    """The server, and where workers have their folders."""

    def __init__(self, server: Server, scratch: Path, *, quick: bool, documents: int) -> None:
        self.server, self._scratch, self._quick, self._documents = server, scratch, quick, documents

    def rows(self, scenario: str, contestant: Contestant) -> list[dict]:
        return getattr(self, f"_scenario_{scenario}")(contestant)

    def load(self, scenario: str) -> Load:
        """What a scenario asks."""
        few = 5 if self._quick else 1
        limited = {"latency": LATENCY, "rate": LIMIT, "burst": BURST}
        return {
            "a": Load(count=2000 // few, dials={"latency": LATENCY}, bound=180),
            "b": Load(count=600 // few, dials=limited, bound=180),
            "c": Load(count=600 // few, dials={**limited, "retry_after": 1}, bound=180),
            "d": Load(count=200, dials={"latency": LATENCY}, bound=120, in_flight=FEW_IN_FLIGHT),
            "e": Load(count=1000 if self._quick else self._documents, dials={"latency": 0.0}, bound=600),
        }[scenario]

    @contextmanager
    def _running(self, contestant: Contestant, load: Load, *more: str) -> Iterator[Run]:
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            prepared = Run(contestant, self.server, Path(folder), load, more)
            self.server.reset(load.dials)
            yield prepared

    def _calls(self, contestant: Contestant, load: Load, ideal: float, *more: str) -> list[dict]:
        with self._running(contestant, load, *more) as prepared:
            ended = prepared.whole(load.bound)
        stats = self.server.stats()
        calls = stats["seconds"]
        return [
            {
                **outcome(ended, stats, load),
                "calls_seconds": calls,
                "of_ideal": ideal / calls if calls else 0.0,
                "whole_seconds": ended.wall,
                "cpu_1000": ended.cpu / load.count * 1000,
                "call_cpu_1000": ended.told["call_cpu"] / load.count * 1000 if "call_cpu" in ended.told else None,
                "peak_in_flight": stats["peak_in_flight"],
                "peak_mb": ended.peak_mb,
            }
        ]

    def _scenario_a(self, contestant: Contestant) -> list[dict]:
        load = self.load("a")
        ideal = load.count * LATENCY / IN_FLIGHT
        rows = self._calls(contestant, load, ideal)
        if contestant.tasks_too:
            (row,) = self._calls(contestant, load, ideal, str(contestant.tasks_too))
            rows.append({**row, "variant": f"as {contestant.tasks_too} tasks"})
        return rows

    def _scenario_b(self, contestant: Contestant) -> list[dict]:
        load = self.load("b")
        return self._calls(contestant, load, load.count / LIMIT)

    def _scenario_c(self, contestant: Contestant) -> list[dict]:
        load = self.load("c")
        return self._calls(contestant, load, load.count / LIMIT)

    def _scenario_d(self, contestant: Contestant) -> list[dict]:
        rows = [self._killed(contestant)]
        if contestant.kills_too:
            rows.append({**self._killed(contestant, *contestant.kills_too), "variant": "answers kept in a file"})
        return rows

    def _killed(self, contestant: Contestant, *more: str) -> dict:
        load = self.load("d")
        with self._running(contestant, load, *more) as prepared:
            under_way = self._kill_half_way(prepared.start(), load)
            ended = prepared.whole(load.bound)
        stats = self.server.stats(by_marker=True)
        twice = {marker for marker, times in stats["by_marker"].items() if times > 1}
        return {
            **outcome(ended, stats, load),
            "under_way": len(under_way),
            "twice_under_way": len(twice & under_way),
            "twice_else": len(twice - under_way),
            "whole_seconds": ended.wall,
        }

    def _kill_half_way(self, process: subprocess.Popen, load: Load) -> set[str]:
        """The documents that were being answered when the worker died, or just had been."""
        until = time.monotonic() + load.bound
        while self.server.stats()["paid"] < load.count // 2 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        stats = self.server.stats(by_marker=True)
        process.wait(timeout=10)
        # What was asked is answered and paid, though nobody hears it.
        time.sleep(2 * LATENCY)
        return {*stats["in_flight"], *stats["just_now"]}

    def _scenario_e(self, contestant: Contestant) -> list[dict]:
        load = self.load("e")
        with self._running(contestant, load) as prepared:
            ended = prepared.whole(load.bound)
        stats = self.server.stats()
        more = {"documents": load.count, "peak_mb": ended.peak_mb, "whole_seconds": ended.wall}
        return [{**outcome(ended, stats, load), **more, "cpu_1000": ended.cpu / load.count * 1000}]

    def _scenario_f(self, contestant: Contestant) -> list[dict]:
        code = (
            "import time, resource, json; t = time.perf_counter(); c = time.process_time()\n"
            f"{contestant.imports}\n"
            "print(json.dumps([time.perf_counter() - t, time.process_time() - c,"
            " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))"
        )
        command = [str(python_of(contestant.environment)), "-c", code]
        found = []
        for _ in range(6):
            with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
                known = {**plain_environment(), "HOME": folder}
                done = subprocess.run(command, env=known, check=True, capture_output=True, text=True, timeout=120)
            found.append(json.loads(done.stdout.splitlines()[-1]))
        # The first one fills the file cache.
        wall, cpu, peak = (statistics.median(values) for values in zip(*found[1:], strict=True))
        return [{"import_seconds": wall, "import_cpu": cpu, "import_mb": peak}]


def outcome(ended: Ended, stats: dict, load: Load) -> dict:
    """What became of the documents."""
    note = f"stopped after {load.bound:g} s" if ended.stopped else ""
    if ended.code and not ended.stopped:
        last = ended.stderr.strip().splitlines()
        note = f"exit code {ended.code}" + (f": {last[-1][:120]}" if last and not ended.told else "")
    return {
        "landed": ended.told.get("landed", stats["documents"] if ended.stopped else 0),
        "asked": load.count,
        "failed": ended.told.get("failed", {}),
        "paid": stats["paid"],
        "refused": stats["refused"],
        "note": note,
    }


# Tables


def number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


LIMITED = ("landed", "wasted", "seconds", "of the ideal", "whole process, s")
HEADS = {
    "a": ("seconds", "of the ideal", "whole process, s", "CPU s a 1,000", "of it calling", "peak in flight", "peak MB"),
    "b": LIMITED,
    "c": LIMITED,
    "d": ("under way at the kill", "paid twice, of these", "paid twice, others", "landed", "second start, s"),
    "e": ("documents", "landed", "peak MB", "CPU s a 1,000", "whole process, s"),
    "f": ("import, s", "CPU s", "MB after it"),
}
TITLES = {
    "a": "(a) {count:,} calls of 200 ms, 64 in flight; the ideal is {ideal:.2f} s",
    "b": "(b) {count} documents, 50 a second, no Retry-After; the ideal is {ideal:g} s",
    "c": "(c) {count} documents, 50 a second, Retry-After: 1; the ideal is {ideal:g} s",
    "d": "(d) 8 in flight, killed when half of {count} documents are answered, and started again",
    "e": "(e) memory at {count:,} documents, answered at once",
    "f": "(f) import of the client",
}


def cells(scenario: str, row: dict) -> tuple[str, ...]:
    landed = f"{row['landed']:,} of {row['asked']:,}" if "landed" in row else ""
    ideal = f"{row['of_ideal']:.0%}" if "of_ideal" in row else ""
    whole = number(row.get("whole_seconds"))
    if scenario == "a":
        cpu = number(row["cpu_1000"], 2), number(row["call_cpu_1000"], 2)
        peak = str(row["peak_in_flight"]), number(row["peak_mb"], 0)
        seconds = number(row["calls_seconds"], 2)
        if row["landed"] < row["asked"]:
            seconds += f" ({landed})"
        return seconds, ideal, whole, *cpu, *peak
    if scenario in {"b", "c"}:
        return landed, str(row["refused"]), number(row["calls_seconds"]), ideal if is_whole(row) else "–", whole
    if scenario == "d":
        twice = str(row["twice_under_way"]), str(row["twice_else"])
        return str(row["under_way"]), *twice, landed, whole
    if scenario == "e":
        return f"{row['documents']:,}", landed, number(row["peak_mb"], 0), number(row["cpu_1000"], 2), whole
    return number(row["import_seconds"], 2), number(row["import_cpu"], 2), number(row["import_mb"], 0)


def is_whole(row: dict) -> bool:
    """How close to the ideal it came means something only where all landed."""
    return row["landed"] == row["asked"]


def title(scenario: str, bench: Bench) -> str:
    if scenario == "f":
        return TITLES["f"]
    count = bench.load(scenario).count
    ideal = count * LATENCY / IN_FLIGHT if scenario == "a" else count / LIMIT
    return TITLES[scenario].format(count=count, ideal=ideal)


def table(scenario: str, found: list[tuple[str, dict]]) -> str:
    """Markdown."""
    heads = ("", *HEADS[scenario])
    lines = [heads, ("---",) * len(heads)]
    for name, row in found:
        head = name + (f", {row['variant']}" if row.get("variant") else "")
        note = row.get("note")
        if "error" in row:
            lines.append((head, row["error"], *[""] * (len(heads) - 2)))
        else:
            lines.append((head + (f" ({note})" if note else ""), *cells(scenario, row)))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# The plot

PANELS = (
    ("a", "calls a second, of the ideal", lambda row: row["of_ideal"] * 100, "%"),
    ("a", "CPU seconds a 1,000 calls", lambda row: row["cpu_1000"], ""),
    ("b", "landed under a limit, no Retry-After", lambda row: row["landed"] / row["asked"] * 100, "%"),
    ("b", "calls wasted under it", lambda row: row["refused"], ""),
    ("d", "documents paid twice after a kill", lambda row: row["twice_under_way"] + row["twice_else"], ""),
    ("e", "peak memory, MB", lambda row: row["peak_mb"], ""),
)
WIDTH, BAR, LABEL, COLUMN = 980, 20, 215, 490


def plot(results: dict[str, list[tuple[str, dict]]]) -> str:
    """Bars as plain SVG: a panel a figure, a bar a contestant, ours in another colour."""
    panels = [(name, bars(results.get(scenario, []), value), unit) for scenario, name, value, unit in PANELS]
    panels = [panel for panel in panels if panel[1]]
    heights = [60 + BAR * len(panel[1]) for panel in panels]
    parts, y = [], 10
    for at in range(0, len(panels), 2):
        for side, panel in enumerate(panels[at : at + 2]):
            parts.append(f'<g transform="translate({side * COLUMN},{y})">{drawn(*panel)}</g>')
        y += max(heights[at : at + 2])
    style = "text{font:12px sans-serif;fill:#333}.t{font-weight:bold}.n{text-anchor:end}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">\n'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def bars(found: list[tuple[str, dict]], value) -> list[tuple[str, float]]:
    """One a contestant: variants are the table's."""
    return [(name, float(value(row))) for name, row in found if "error" not in row and "variant" not in row]


def drawn(name: str, found: list[tuple[str, float]], unit: str) -> str:
    top, room = max([value for _, value in found] + [1e-9]), COLUMN - LABEL - 90
    parts = [f'<text class="t" x="8" y="16">{name}</text>']
    for at, (contestant, value) in enumerate(found):
        y, width = 28 + at * BAR, max(1.0, value / top * room)
        colour = "#2a6f97" if contestant.startswith("llm_convert") else "#b8b8b8"
        digits = 0 if value >= 20 else 1
        parts.append(
            f'<text class="n" x="{LABEL}" y="{y + 12}">{contestant}</text>'
            f'<rect x="{LABEL + 6}" y="{y}" width="{width:.1f}" height="{BAR - 5}" fill="{colour}"/>'
            f'<text x="{LABEL + 12 + width:.1f}" y="{y + 12}">{value:,.{digits}f}{unit}</text>'
        )
    return "".join(parts)


# The run


def main() -> None:
    given = arguments()
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    done = json.loads(given.add.read_text(encoding="utf-8")) if given.add else {"commands": [], "scenarios": {}}
    done["commands"].append(command_of(given))
    with tempfile.TemporaryDirectory() as scratch:
        missing = prepare(given.contestants, Path(scratch))
        with serving(seconds=3 * 3600) as server:
            bench = Bench(server, Path(scratch), quick=given.quick, documents=given.documents)
            for scenario in given.scenarios:
                found = compared(scenario, given.contestants, missing, bench)
                done["scenarios"][scenario] = {"title": title(scenario, bench), "rows": found}
                if given.json:
                    given.json.write_text(json.dumps(done, indent=1, ensure_ascii=False), encoding="utf-8")
    if given.write:
        write(done, [name for name in given.contestants if name not in missing])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=names("abcdef"), default=list("abcdef"))
    parser.add_argument("--contestants", type=names(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--quick", action="store_true", help="a fifth of a to c, and 1,000 documents in e")
    parser.add_argument("--documents", type=int, default=20_000, help="of scenario e")
    parser.add_argument("--json", type=Path, help="where to write all figures, after each scenario")
    parser.add_argument("--add", type=Path, help="figures of an earlier run, which this one adds to")
    parser.add_argument("--write", action="store_true", help="docs/benchmarks.md and the plot")
    return parser.parse_args()


def command_of(given: argparse.Namespace) -> str:
    """What measures the same again; where files were put is nobody's affair."""
    words = ["python benchmarks/engine_peers.py", f"--scenarios {','.join(given.scenarios)}"]
    if given.contestants != list(CONTESTANTS):
        words.append(f"--contestants {','.join(given.contestants)}")
    if "e" in given.scenarios and not given.quick:
        words.append(f"--documents {given.documents}")
    return " ".join([*words, *(["--quick"] if given.quick else [])])


def names(known):
    """A list with commas between, of known names."""

    def read(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        unknown = [name for name in found if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return found

    return read


def prepare(contestants: list[str], scratch: Path) -> dict[str, str]:
    """Make all environments; by contestant, why it can't run."""
    run(uv(), "build", "--quiet", "--no-config", "--wheel", "--out-dir", str(scratch), str(REPOSITORY))
    wheel = next(scratch.glob("*.whl"))
    # Ours also writes the documents, whoever runs.
    asked = {CONTESTANTS[name].environment: CONTESTANTS[name].packages for name in contestants} | {OURS: ()}
    faults = {environment: install(environment, packages, wheel=wheel) for environment, packages in asked.items()}
    return {
        name: faults[CONTESTANTS[name].environment] for name in contestants if faults[CONTESTANTS[name].environment]
    }


def compared(scenario: str, contestants: list[str], missing: dict[str, str], bench: Bench) -> list[tuple[str, dict]]:
    """One scenario for all, its table printed at its end."""
    found = []
    for name in contestants:
        contestant = CONTESTANTS[name]
        try:
            rows = [{"error": missing[name]}] if name in missing else bench.rows(scenario, contestant)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            rows = [{"error": f"not run: {type(error).__name__}: {str(error)[:200]}"}]
        found += [(contestant.title, row) for row in rows]
        print(f"{scenario} {name}: {json.dumps(rows, ensure_ascii=False)}", file=sys.stderr, flush=True)
    print(f"\n{title(scenario, bench)}\n\n{table(scenario, found)}", flush=True)
    return found


def write(done: dict, contestants: list[str]) -> None:
    """The tables between two marks in the document, which are added at its end when they are not there."""
    scenarios = dict(sorted(done["scenarios"].items()))
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    PLOT.write_text(plot({name: scenario["rows"] for name, scenario in scenarios.items()}), encoding="utf-8")
    commands = ",\n".join(f"`{command}`" for command in done["commands"])
    day = datetime.now(UTC).date().isoformat()
    text = f"{commands};\n{day}, {os.cpu_count()} cores, Python {sys.version.split()[0]}; {versions(contestants)}.\n\n"
    text += f"![The same as bars](images/{PLOT.name})\n"
    for name, scenario in scenarios.items():
        text += f"\n{scenario['title']}:\n\n{table(name, scenario['rows'])}"
    document = DOCS.read_text(encoding="utf-8")
    if BEGIN not in document:
        document += f"\n## Engines side by side\n\n{BEGIN}\n{END}\n"
    before, _, rest = document.partition(BEGIN)
    DOCS.write_text(f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}", encoding="utf-8")


def versions(contestants: list[str]) -> str:
    """Of the others' packages; ours is the tree's."""
    others = {CONTESTANTS[name].environment: CONTESTANTS[name] for name in contestants}
    found = [(other.packages[0].partition("[")[0], version_of(other)) for other in others.values() if other.packages]
    return ", ".join(f"{name} {version}" for name, version in found)


if __name__ == "__main__":
    main()
