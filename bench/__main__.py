"""`python -m bench [NAME ...]`: every measurement in turn, or those named."""

import runpy
import sys

MEASUREMENTS = (
    "log",
    "fold",
    "projections",
    "postgres",
    "kafka_log",
    "decider",
    "messages",
    "cluster",
    "flat",
    "live",
    "soak",
)
"""The last one takes ten minutes."""


def main(names: list[str]) -> None:
    unknown = set(names) - set(MEASUREMENTS)
    if unknown:
        sys.exit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    for name in names or MEASUREMENTS:
        print(f"--- {name}", flush=True)
        sys.argv = [name]
        runpy.run_module(f"bench.{name}", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
