"""The whole job as tasks of one execution on this machine, which share what is in flight, as Cloud Run starts them.

python benchmarks/peers/our_tasks.py COUNT
"""

import os
import subprocess
import sys


def main(count: int) -> int:
    each = int(os.environ["LLM_CONVERT_CONCURRENCY"]) // count
    shared = {**os.environ, "LLM_CONVERT_CONCURRENCY": str(each), "CLOUD_RUN_EXECUTION": "bench"}
    tasks = [
        subprocess.Popen(
            [sys.executable, "-m", "llm_convert.job"],
            env={**shared, "CLOUD_RUN_TASK_INDEX": str(index), "CLOUD_RUN_TASK_COUNT": str(count)},
        )
        for index in range(count)
    ]
    return max(task.wait() for task in tasks)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
