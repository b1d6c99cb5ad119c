"""Schemathesis: requests made from /openapi.json, to the server whose URL is in the variable that the argument names."""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# Bounds of a run: a request for each operation and case of the coverage phase, and so many by chance.
EXAMPLES = 20
SECONDS = 300

EXCLUDED = [
    # Which prompts, token ids and tensors there are depends on the model; no schema says it.
    "positive_data_acceptance",
    # The document names no authentication.
    "ignored_auth",
]


def main(url):
    command = [
        Path(sys.executable).with_name("st"),
        "--config-file",
        FOLDER / "schemathesis.toml",
        "run",
        f"{url}/openapi.json",
        "--url",
        url,
        "--no-color",
        "--phases=examples,coverage,fuzzing",
        "--checks=all",
        f"--exclude-checks={','.join(EXCLUDED)}",
        f"--max-examples={EXAMPLES}",
        "--continue-on-failure",
        "--generation-deterministic",
        "--no-shrink",
        "--warnings=off",
        "--request-timeout=10",
        "--suppress-health-check=all",
        "--workers=1",
    ]
    return subprocess.run(command, timeout=SECONDS).returncode


sys.exit(main(os.environ[sys.argv[1]].rstrip("/")))
