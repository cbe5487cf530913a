"""Training a tokenizer on 30 MB, beside Hugging Face tokenizers, rustbpe, ffbpe and gigabpe.

All split by GPT-2's pattern and learn 32,768 tokens on one thread; rustbpe and ours also by
GPT-4's. First everybody's merges are compared with ours, ties included, and whoever learns others
is refused. Then all take turns, so that whatever else the machine is doing hits all alike; the
ratio that counts is the median over the turns. The slow ones take part in the first turns only. A
peer that is not installed is left out; `--peers FOLDER` names a folder of packages to look in as
well. `--log tok_train` writes the log that the chapter reads; with it come the rungs of its ladder,
what each trick gains, and the counting of a corpus by several processes.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

ONE_THREAD = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
# the bytes that stand for themselves in GPT-2's files come first in some libraries
ORDER = [*range(33, 127), *range(161, 173), *range(174, 256)]
ORDER += [b for b in range(256) if b not in ORDER]
RENUMBERED = bytes(ORDER.index(b) for b in range(256))
STAND_IN = {chr(b) if b in ORDER[:188] else chr(256 + k - 188): b for k, b in enumerate(ORDER)}


@dataclass
class Task:
    "What is trained."
    text: str
    path: str  # a file with the text
    size: int  # the vocabulary
    pattern: str


# ---- the contenders: each returns something, from which `tokens` makes the learned tokens ------
def ours(task):
    "Ours, compiled."
    from zth.tokenizer.fast_training import count_chunks, train_counts
    return train_counts(count_chunks(task.text, task.pattern), task.size - 256, False)


def ours_numpy(task):
    "Ours where numba is not installed."
    from zth.tokenizer.fast_training import train_counts
    from zth.tokenizer.split import compile_split
    found = Counter(compile_split(task.pattern).findall(task.text))
    return train_counts({c.encode(): n for c, n in found.items()}, task.size - 256, False, "numpy")


def of_merges(merges):
    "The bytes of each new token."
    vocab = [bytes([b]) for b in range(256)]
    for a, b in merges: vocab.append(vocab[a] + vocab[b])
    return vocab[256:]


def rustbpe(task):
    "rustbpe."
    from rustbpe import Tokenizer
    theirs = Tokenizer()
    theirs.train_from_iterator([task.text], task.size, pattern=task.pattern)
    return theirs


def of_rustbpe(theirs): return [bytes(token) for token, _ in theirs.get_mergeable_ranks()][256:]


def gigabpe(task):
    "gigabpe, which reads a file, line by line."
    import gigabpe
    return gigabpe.train_bpe([task.path], task.size, special_tokens=[], pretokenizer="bytelevel",
                             threads=1)


def of_gigabpe(found): return [bytes(STAND_IN[c] for c in a + b) for a, b in found[1]]


def ffbpe(task):
    "ffbpe."
    import ffbpe
    return ffbpe.train_bpe(task.text, vocab_size=task.size)


def of_ffbpe(model): return sorted(model.vocab, key=model.vocab.get)[256:]


def tokenizers(task):
    "Hugging Face tokenizers."
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.train_from_iterator([task.text], trainers.BpeTrainer(
        vocab_size=task.size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    return theirs


def of_tokenizers(theirs):
    pairs = json.loads(theirs.to_str())["model"]["merges"]
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in pairs]
    return [bytes(STAND_IN[c] for c in a + b) for a, b in pairs]


# ---- agreement ---------------------------------------------------------------------------------
def in_bytes(task):
    "The tokens of the rule: of equally frequent pairs the smaller one, bytes in their own order."
    return of_merges(ours(task))


def renumbered(counts, task):
    "The same with the bytes in the order of their stand-ins."
    from zth.tokenizer.fast_training import train_counts
    merges = train_counts({c.translate(RENUMBERED): n for c, n in counts.items()},
                          task.size - 256, False)
    back = bytes(ORDER)
    return [token.translate(back) for token in of_merges(merges)]


def by_text(task):
    "In the order of the stand-ins, for the text as a whole."
    from zth.tokenizer.fast_training import count_chunks
    return renumbered(count_chunks(task.text, task.pattern), task)


def by_lines(task):
    "In the order of the stand-ins, for each line by itself."
    from zth.tokenizer.split import compile_split
    split, counts = compile_split(task.pattern), Counter()
    for line in task.text.split("\n"): counts.update(split.findall(line + "\n"))
    return renumbered({c.encode(): n for c, n in counts.items()}, task)


@dataclass
class Contender:
    "A way to train, what it should learn, and the times it took."
    name: str  # as printed
    train: object  # callable: task -> whatever it returns
    tokens: object  # callable: that -> tokens
    wanted: object  # callable: task -> tokens
    pattern: str = "gpt2"  # or "gpt4"
    slow: bool = False  # takes part in the first turns only
    seconds: list = field(default_factory=list)  # one entry per turn

    def turn(self, task):
        "Trains once."
        start = perf_counter()
        found = self.train(task)
        self.seconds.append(perf_counter() - start)
        return found


def contenders() -> list:
    "Everybody who is installed, ours first."
    everybody = [
        Contender("ours", ours, of_merges, in_bytes),
        Contender("gigabpe", gigabpe, of_gigabpe, by_lines),
        Contender("rustbpe", rustbpe, of_rustbpe, in_bytes),
        Contender("ffbpe", ffbpe, of_ffbpe, in_bytes, slow=True),
        Contender("ours, numpy", ours_numpy, of_merges, in_bytes, slow=True),
        Contender("tokenizers", tokenizers, of_tokenizers, by_text, slow=True),
        Contender("ours", ours, of_merges, in_bytes, "gpt4"),
        Contender("rustbpe", rustbpe, of_rustbpe, in_bytes, "gpt4"),
    ]
    return [c for c in everybody if c.train in (ours, ours_numpy) or find_spec(c.train.__name__)]


def compare(
    runners: list,
    tasks: dict,  # pattern -> task
):
    "Refuses whoever learns something else; also warms everybody up."
    for c in runners:
        got, wanted = c.tokens(c.train(tasks[c.pattern])), c.wanted(tasks[c.pattern])
        # gigabpe has only those bytes in its vocabulary that the text has, so it learns more
        if got[:len(wanted)] != wanted:
            k = next(k for k, (a, b) in enumerate(zip(got + [None], wanted)) if a != b)
            raise AssertionError(f"{c.name} learns other merges than ours, from number {k} on")


# ---- the rungs of the ladder -------------------------------------------------------------------
def timed(function, *args):
    "What a function returns, and its seconds."
    start = perf_counter()
    result = function(*args)
    return result, perf_counter() - start


def whole(learner, counts, total):
    "The merges of a learner on arrays."
    import numpy as np
    from zth.tokenizer.fast_training import lay_out
    found = np.zeros((total, 2), np.int32)
    *_, done = learner(*lay_out(counts), total, found)
    return found[:done].tolist()


def loop(chunks, weights, merges):
    "The lecture's loop, which counts everything again for each merge."
    from zth.tokenizer.basic import merge
    for idx in range(256, 256 + merges):
        counts = Counter()
        for ids, n in zip(chunks, weights):
            for pair in zip(ids, ids[1:]): counts[pair] += n
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        chunks = [merge(ids, best, idx) for ids in chunks]


def rungs(task):
    "Yields a dict for each step of the chapter: the merging, and the counting."
    from zth.tokenizer.fast_counting import count_chunks
    from zth.tokenizer.fast_training import learn_from_counts, merges_compiled, merges_numpy
    from zth.tokenizer.split import compile_split
    total = task.size - 256
    found = compile_split(task.pattern).findall(task.text)
    chunks = [list(c.encode()) for c in found]
    _, seconds = timed(loop, chunks, [1] * len(chunks), 1)
    yield dict(rung="lecture", seconds=seconds * total, merges=1)
    counted, seconds = timed(
        lambda: Counter(compile_split(task.pattern).findall(task.text)))
    counts = {c.encode(): n for c, n in counted.items()}
    yield dict(kind="counting", by="Python", seconds=[seconds])
    yield dict(kind="text", bytes=len(task.text.encode()), chunks=len(found), different=len(counts))
    del found, chunks
    _, seconds = timed(loop, [list(c) for c in counts], list(counts.values()), 10)
    yield dict(rung="chunks", seconds=seconds * total / 10, merges=10)
    plain, seconds = timed(learn_from_counts, counts, total)
    yield dict(rung="changes", seconds=seconds, merges=total)
    wanted = [list(pair) for pair in plain]
    for rung, learner, turns in (("numpy", merges_numpy, 1), ("numba", merges_compiled, 5)):
        if turns > 1: whole(learner, counts, total)  # which compiles it
        for _ in range(turns):
            got, seconds = timed(whole, learner, counts, total)
            if got != wanted: raise AssertionError(f"{rung} learns other merges than plain Python")
            yield dict(rung=rung, seconds=seconds, merges=total)
    count_chunks(task.text, task.pattern)
    turns = [timed(count_chunks, task.text, task.pattern) for _ in range(5)]
    if any(got != counts for got, _ in turns): raise AssertionError("chunks are counted otherwise")
    yield dict(kind="counting", by="compiled", seconds=[seconds for _, seconds in turns])


def tricks(task, turns):
    "Yields, in turns, how long merging or counting takes with all tricks, and without one."
    from zth.tokenizer.fast_counting import count_chunks
    from zth.tokenizer.fast_training import merges_compiled
    from ._tokenizer_tricks import counters, learners
    total, counts = task.size - 256, count_chunks(task.text, task.pattern)
    steps = (("merging", merges_compiled, learners(), lambda f: whole(f, counts, total)),
             ("counting", count_chunks, counters(), lambda f: f(task.text, task.pattern)))
    for step, ours, others, work in steps:
        wanted = work(ours)
        for instead, other in others.items():
            if work(other) != wanted: raise AssertionError(f"{instead}: another result")
        for _ in range(turns):
            for instead, other in others.items():
                (_, kept), (_, without) = timed(work, ours), timed(work, other)
                yield dict(step=step, instead=instead, kept=kept, without=without)


# ---- a corpus ----------------------------------------------------------------------------------
CORPUS = """
import json, multiprocessing, sys, threading, time
from pathlib import Path
from unittest import mock
from zth.tokenizer import corpus
from zth.tokenizer.fast_counting import count_chunks

def peak(pid="self"):  # megabytes; what `resource` says would include the program before
    try: lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError: return 0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0)

def watch(peaks):
    while True:
        for pid in [child.pid for child in multiprocessing.active_children()]:
            peaks[pid] = max(peaks.get(pid, 0), peak(pid))
        time.sleep(0.05)

if __name__ == "__main__":  # other processes read this file, too
    processes, paths, peaks = int(sys.argv[1]), sys.argv[2:], {}
    count_chunks("It compiles, or reads what was compiled.")
    base = peak()
    threading.Thread(target=watch, args=(peaks,), daemon=True).start()
    start = time.perf_counter()
    if processes:  # counting alone, without the merging
        with mock.patch.object(corpus, "learn", lambda counts, *_: counts):
            counts = corpus.train_files(paths, 256, processes=processes, progress=False)
    else: counts = count_chunks(b"".join(open(p, "rb").read() for p in paths).decode())
    seconds = time.perf_counter() - start
    print(json.dumps(dict(counting=seconds, chunks=sum(counts.values()), base_mb=base,
                          memory_mb=peak() + sum(peaks.values()))))
"""


def corpora(task, copies, folder):
    "Yields a dict for each way to count a corpus: seconds, and memory at its peak."
    if not Path("/proc/self/status").exists(): return  # only Linux says how much that was
    script, paths = Path(folder, "count.py"), []
    script.write_text(CORPUS, encoding="utf-8")
    for k in range(copies):
        paths.append(str(Path(folder, f"part{k}.txt")))
        Path(paths[-1]).write_bytes(task.text.encode())
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    for processes in (0, 1, 2, 4):
        out = subprocess.run([sys.executable, script, str(processes), *paths], env=env,
                             capture_output=True, text=True, check=True)
        row = json.loads(out.stdout)
        yield dict(how="pieces" if processes else "one string", processes=processes,
                   bytes=copies * len(task.text.encode()), **row)


# ---- the race ----------------------------------------------------------------------------------
def race(runners, tasks, rounds, few):
    "Yields a dict for each turn."
    for k in range(rounds):
        for c in runners:
            if c.slow and k >= few: continue
            c.turn(tasks[c.pattern])
            yield dict(kind="turn", who=c.name, pattern=c.pattern, round=k, seconds=c.seconds[-1])


def summary(
    runners: list,
) -> list:  # one dict per contender
    "Medians, and how many times as long as ours everybody takes, turn by turn."
    first = {c.pattern: c for c in reversed(runners) if c.train is ours}
    rows = []
    for c in runners:
        ratios = [a / b for a, b in zip(c.seconds, first[c.pattern].seconds)]
        rows.append(dict(name=c.name, pattern=c.pattern, seconds=median(c.seconds),
                         ratio=median(ratios), low=min(ratios), high=max(ratios)))
    return rows


def table(rows: list) -> str:
    "The results, for reading."
    lines = [f"{'':14}{'pattern':>8}{'time':>10}{'times ours':>12}{'(min to max)':>18}"]
    for r in rows:
        spread = f"({r['low']:.2f} to {r['high']:.2f})"
        lines.append(f"{r['name']:14}{r['pattern']:>8}{r['seconds']:8.2f} s{r['ratio']:12.2f}"
                     f"{spread:>18}")
    return "\n".join(lines)


def peers() -> dict:  # name -> version
    "The versions of who takes part."
    found = {}
    for name in ("numba", "tokenizers", "rustbpe", "ffbpe", "gigabpe"):
        try: found[name] = version(name)
        except PackageNotFoundError: pass
    return found


def parser() -> argparse.ArgumentParser:
    "The options."
    p = argparse.ArgumentParser(prog="bench tokenizer_train", description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    p.add_argument("--few", type=int, default=2, help="turns of the slow ones (default 2)")
    p.add_argument("--mb", type=float, default=30, help="megabytes of text (default 30)")
    p.add_argument("--size", type=int, default=32768, help="the vocabulary (default 32768)")
    p.add_argument("--peers", metavar="FOLDER", help="a folder of packages to look in as well")
    p.add_argument("--log", metavar="NAME", help="write a log of the book, with the ladder's rungs")
    return p


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if somebody learns something else, 2 for bad arguments
    "Runs the race and prints its table."
    opts = parser().parse_args(args)
    if min(opts.rounds, opts.few) < 1 or opts.mb <= 0 or opts.size < 257:
        print("tokenizer_train: needs a round, some text and 257 tokens", file=sys.stderr)
        return 2
    if opts.peers: sys.path.append(opts.peers)
    os.environ.update(ONE_THREAD)
    from zth.runs import RunLog
    from zth.tokenizer.split import GPT2_SPLIT_PATTERN, GPT4_SPLIT_PATTERN
    from ._tokenizer_text import checksum, training_text
    text, runners = training_text(int(opts.mb * 1e6)), contenders()
    print(f"{len(text.encode()):,} bytes, SHA-256 {checksum(text)[:12]}…; {peers()}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text.txt")
        path.write_bytes(text.encode())
        tasks = {name: Task(text, str(path), opts.size, pattern) for name, pattern in
                 (("gpt2", GPT2_SPLIT_PATTERN), ("gpt4", GPT4_SPLIT_PATTERN))}
        try: compare(runners, tasks)
        except AssertionError as e:
            print(f"tokenizer_train: {e}", file=sys.stderr)
            return 1
        if not opts.log:
            for _ in race(runners, tasks, opts.rounds, opts.few): pass
        else:
            command = (f"python -m bench tokenizer_train --rounds {opts.rounds} --few {opts.few} "
                       f"--mb {opts.mb:g} --size {opts.size} --log {opts.log}")
            with RunLog(opts.log, command, 0, checksum(text), peers=peers(),
                        text=training_text.__doc__.splitlines()[0]) as log:
                for row in race(runners, tasks, opts.rounds, opts.few): log.row(**row)
                for row in tricks(tasks["gpt4"], opts.rounds): log.row(kind="trick", **row)
                for row in corpora(tasks["gpt4"], 8, folder): log.row(kind="corpus", **row)
                for row in rungs(tasks["gpt4"]): log.row(**{"kind": "rung", **row})
    print(table(summary(runners)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
