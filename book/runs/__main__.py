"""The logs of runs too long for the book: `python book/runs [NAME]` lists them, or repeats one.

A log `NAME.jsonl` is the record of a run that took place. Its first line is a header that says how
the run was made, each further line is one measurement; `zth.runs` writes and reads both. Chapters
draw their figures from it, and repeat a small twin of the run whenever the book is built.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from zth.data import digest
from zth.runs import read_header

HERE = Path(__file__).resolve().parent


def logs(
    folder: Path = HERE,  # where the logs lie
) -> dict:  # name: header
    "Every log of a folder by its name; what an interrupted run left is none."
    paths = (p for p in sorted(folder.glob("*.jsonl")) if not p.name.endswith(".partial.jsonl"))
    return {path.stem: read_header(path) for path in paths}


def table(
    heads: dict,  # name: header
) -> str:  # one line for each log
    "The logs as a person reads them."
    if not heads:
        return "No chapter written so far has a run that is too long for the book."
    width = max(map(len, heads))
    return "\n".join(
        f"{name:{width}}  {h['wall_time_s'] / 60:7.1f} min  {h['hardware']}\n"
        f"{'':{width}}  {h['command']}{'  (with uncommitted changes)' if h['dirty'] else ''}"
        for name, h in heads.items()
    )


def main(argv=None, folder=HERE):
    "Lists the logs, or runs the command of one again in the repository's root."
    parser = argparse.ArgumentParser(
        prog="make runs", description="List the logs of long runs, or repeat one."
    )
    parser.add_argument("name", nargs="?", help="the run that is repeated: gpt.ladder, or its log")
    args = parser.parse_args(argv)
    heads = logs(folder)
    if args.name is None:
        return print(table(heads))
    path = folder / f"{args.name.replace('.', '_')}.jsonl"
    if path.stem in heads:
        said = heads[path.stem]["command"]
    elif "." in args.name:  # a run of a lab that has no log yet
        said = "python -m zth.{} {}".format(*args.name.rsplit(".", 1))
    else:
        parser.error(f"no log is called {args.name!r}; there are: {', '.join(heads) or 'none'}")
    command = shlex.split(said)
    if command[0] == "python":
        command[0] = sys.executable
    before = digest(path) if path.is_file() else None
    print("$", said, flush=True)
    run = subprocess.run(command, cwd=HERE.parents[1])
    if run.returncode:
        raise SystemExit(run.returncode)
    if path.is_file() and digest(path) == before:
        print(
            f"{path.name} is as before: the command wrote its log elsewhere, or found nothing new."
        )


if __name__ == "__main__":
    main()
