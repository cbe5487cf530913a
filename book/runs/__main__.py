"""The logs of runs too long for the book: `python book/runs [NAME]` lists them, or repeats one.

A log `NAME.jsonl` is the record of a run that took place. Its first line is a header that says how
the run was made, each further line is one measurement. Chapters draw their figures from it, and
repeat a small twin of the run whenever the book is built.
"""

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = {
    "commit": str,
    "command": str,
    "data_sha256": str,
    "hardware": str,
    "versions": dict,
    "seed": int,
    "wall_time_s": (int, float),
}


def header(
    path: Path,  # a log
) -> dict:  # its first line
    "The header of a log; an error names the file and what is missing from it."
    with open(path, encoding="utf-8") as lines:
        first = next(lines, "")
    try:
        head = json.loads(first)
    except json.JSONDecodeError:
        raise ValueError(f"{path.name}: the first line is not a JSON header") from None
    for key, kind in HEADER.items():
        if not isinstance(head, dict) or not isinstance(head.get(key), kind):
            raise ValueError(f"{path.name}: the header lacks a proper {key!r}")
    return head


def logs(
    folder: Path = HERE,  # where the logs lie
) -> dict:  # name: header
    "Every log of a folder by its name."
    return {path.stem: header(path) for path in sorted(folder.glob("*.jsonl"))}


def table(
    heads: dict,  # name: header
) -> str:  # one line for each log
    "The logs as a person reads them."
    if not heads:
        return "No chapter written so far has a run that is too long for the book."
    width = max(map(len, heads))
    return "\n".join(
        f"{name:{width}}  {h['wall_time_s'] / 60:7.1f} min  {h['hardware']}\n"
        f"{'':{width}}  {h['command']}"
        for name, h in heads.items()
    )


def main(argv=None, folder=HERE):
    "Lists the logs, or runs the command of one again in the repository's root."
    parser = argparse.ArgumentParser(
        prog="make runs", description="List the logs of long runs, or repeat one."
    )
    parser.add_argument("name", nargs="?", help="the log whose run is repeated")
    args = parser.parse_args(argv)
    heads = logs(folder)
    if args.name is None:
        return print(table(heads))
    if args.name not in heads:
        parser.error(f"no log is called {args.name!r}; there are: {', '.join(heads) or 'none'}")
    path, command = folder / f"{args.name}.jsonl", shlex.split(heads[args.name]["command"])
    if command[0] == "python":
        command[0] = sys.executable
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    print("$", heads[args.name]["command"], flush=True)
    subprocess.run(command, cwd=HERE.parents[1], check=True)
    if hashlib.sha256(path.read_bytes()).hexdigest() == before:
        print(
            f"{path.name} is as before: the command wrote its log elsewhere, or found nothing new."
        )


if __name__ == "__main__":
    main()
