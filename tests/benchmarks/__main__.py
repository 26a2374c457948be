"""`make bench`: every benchmark for real, one after the other, each in a process of its own."""

import subprocess
import sys

for name in ("bench_engine", "bench_matching", "bench_netting", "bench_durable", "bench_socket"):
    print(f"# {name}", flush=True)
    code = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}"], check=False
    ).returncode
    if code:
        sys.exit(code)
