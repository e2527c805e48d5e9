"""The pages that people see first, as Lighthouse loads them for a desktop: it holds the network to 10 Mbit/s and 40 ms."""

import json
import pathlib
import statistics

BOUND = 95
ROUNDS = 3
SCRIPT = pathlib.Path(__file__).parent.parent / "tests/e2e/lighthouse.mjs"
PATHS = {"/sign-in": "the sign-in page", "/": "the overview"}


def measure(bench):
    with bench.data_dir() as data:
        server = bench.Server(data, "tunnel.backend=off").set_up()
        words = ["node", str(SCRIPT), "http://localhost:8080", "ada", bench.PASSWORD, str(data.parent), *PATHS]
        rounds = [json.loads(bench.run(*bench.inside(*words))) for _ in range(ROUNDS)]
        for path, name in PATHS.items():
            if any(found[path]["shown"] != f"http://localhost:8080{path}" for found in rounds):
                raise SystemExit(f"{path}: another page was shown: {[found[path]['shown'] for found in rounds]}")
            score = statistics.median(found[path]["scores"]["performance"] for found in rounds)
            bench.figure(f"{name}: Lighthouse's score for speed", f"{score:.0f}", str(BOUND), score >= BOUND)
        server.stop()
