"""Measure the oddities of three tables: tokenizer_oddities.jsonl.

Call `python book/runs/tokenizer_oddities.py` in the root of the repository, where tiktoken finds
the tables of gpt2, cl100k_base and o200k_base. The page `oddities` reads this record, and measures
again where the tables are.
"""

import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from zth.data import encoding, shakespeare  # noqa: E402
from zth.runs import RunLog  # noqa: E402
from zth.tokenizer.oddities import measure  # noqa: E402


def main():
    text = shakespeare()
    if not text.canonical:
        raise SystemExit("tiny Shakespeare is not at hand")
    command = "python book/runs/tokenizer_oddities.py"
    path = ROOT / "book/runs/tokenizer_oddities.jsonl"
    library = {"tiktoken": version("tiktoken")}
    with RunLog(path, command, seed=0, data=text, library=library) as log:
        for name in ("gpt2", "cl100k_base", "o200k_base"):
            for row in measure(encoding(name), text):
                log.row(table=name, **row)


if __name__ == "__main__":
    main()
