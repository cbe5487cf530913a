"""What rustbpe learns from a few texts, recorded for the tests: `python -m bench.tokenizer_fixture`.

The log, book/runs/tok_rustbpe.jsonl, holds the texts and the tokens that rustbpe learned from them,
in their order; its header names the version. The chapter on tokenizers compares its own with them,
so that rustbpe need not be installed. `--peers FOLDER` names a folder in which rustbpe is found.
"""
from __future__ import annotations

import argparse
import random
import sys
from importlib.metadata import version


def texts() -> dict:  # name -> text
    "Prose, and what is hard: ties, rows of one letter, several scripts, code, NUL."
    from zth.data import sample_text
    rng = random.Random(1337)
    ties = " ".join("".join(rng.choices("abcd", k=rng.randint(1, 9))) for _ in range(3000))
    rows = " ".join(c * n for n in range(1, 60) for c in "ab0-")
    scripts = ("Grüße, naïve café! Привет, мир. 你好，世界。 안녕하세요 🙂🙂 👩‍👩‍👧 "
               "नमस्ते दुनिया 12345 ١٢٣ don't DON'T we'll\r\n\t\t  \0\0 \u2028end  \n") * 20
    with open(random.__file__, encoding="utf-8") as f: code = f.read()[:30_000]
    return {"prose": sample_text()[:60_000], "ties": ties, "rows": rows, "scripts": scripts,
            "code": code}


def record(
    path: str,  # the log
    command: str,  # how it is repeated
) -> int:  # rows
    "Ask rustbpe, and write down what it says."
    import rustbpe

    from zth.runs import RunLog
    from zth.tokenizer.split import GPT2_SPLIT_PATTERN, GPT4_SPLIT_PATTERN
    with RunLog(path, command, 1337, peers={"rustbpe": version("rustbpe")}) as log:
        for name, text in texts().items():
            for pattern in (GPT2_SPLIT_PATTERN, GPT4_SPLIT_PATTERN):
                theirs, size = rustbpe.Tokenizer(), 1500 if name == "prose" else 600
                theirs.train_from_iterator([text], size, pattern=pattern)
                tokens = [bytes(token).hex() for token, _ in theirs.get_mergeable_ranks()]
                log.row(name=name, pattern=pattern, vocab_size=size, text=text, tokens=tokens[256:])
        return log.count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.tokenizer_fixture", description=__doc__)
    parser.add_argument("--peers", metavar="FOLDER", help="a folder of packages to look in as well")
    parser.add_argument("--log", default="tok_rustbpe", help="the log (default %(default)s)")
    opts = parser.parse_args()
    if opts.peers: sys.path.append(opts.peers)
    print(record(opts.log, "python -m bench.tokenizer_fixture"), "rows")
