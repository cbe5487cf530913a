"""The race of training steps, for the benches that time one: agreement, turns, table and options.

A bench says what is trained (`start`), who takes part (`runs`, the peer first) and what the table
is about; the rest is here. First everybody trains in float64 on the same batches, and losses,
weights and the state of the generator have to agree with the peer's. Then all take turns.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

BLOCK, EMBED, HIDDEN, BATCH, LR = 3, 10, 200, 32, 0.1
CHUNK = 200  # steps for which ours draws the batches at once
CHECKED = 1000  # steps in float64 that have to agree
TOLERANCE = 1e-6  # in float64, relative to the size of the numbers, at least 1
FIRST_TOLERANCE = 1e-4  # the first loss in float32, relative


# ---- the task ----------------------------------------------------------------------------------
def dataset(
    words: list,  # of strings
) -> tuple:  # contexts (N, BLOCK), what follows (N,), size of the vocabulary
    "Contexts and next characters of all words, id 0 for the dot."
    import torch
    chars = sorted(set("".join(words)))
    stoi, X, Y = {c: i for i, c in enumerate(chars, 1)}, [], []
    for w in words:
        context = [0] * BLOCK
        for i in [*(stoi[c] for c in w), 0]:
            X.append(context)
            Y.append(i)
            context = context[1:] + [i]
    return torch.tensor(X), torch.tensor(Y), len(chars) + 1


# ---- the contenders ----------------------------------------------------------------------------
@dataclass
class Contender:
    "A way to train, the number of its threads, and the times of its steps."
    name: str  # as printed
    train: object  # callable: parameters, X, Y, generator, steps -> losses
    start: object  # callable: size of the vocabulary, dtype -> parameters, generator
    threads: int  # for torch
    seconds: list = field(default_factory=list)  # one entry per turn: time of a step
    first: float = 0.0  # the first loss in float32
    differs: float = 0.0  # from the peer in float64

    def run(self, params, data, g, steps):
        "Trains with the right number of threads."
        import torch
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try: return self.train(params, *data[:2], g, steps)
        finally: torch.set_num_threads(before)

    def begin(self, data):
        "Draws the weights in float32 and takes a few steps, which warm up the threads, untimed."
        import torch
        self.params, self.g = self.start(data[2], torch.float32)
        self.first = float(self.run(self.params, data, self.g, 10)[0])

    def turn(self, data, steps):
        "Takes `steps` training steps and notes the time of one."
        self.run(self.params, data, self.g, 5)  # wakes the threads
        t = perf_counter()
        self.run(self.params, data, self.g, steps)
        self.seconds.append((perf_counter() - t) / steps)


# ---- agreement ---------------------------------------------------------------------------------
def distance(a, b) -> float:
    "Largest difference of two tensors, relative to the size of the numbers, at least 1."
    return ((a - b).abs() / a.abs().maximum(b.abs()).clamp(min=1)).max().item()


def compare(
    runners: list,  # contenders, the peer first
    data: tuple,  # what `dataset` returned
    checked: int = CHECKED,  # steps that have to agree
):
    "Trains everybody in float64, and refuses whoever computes something else."
    import torch
    peer = None
    for c in runners:
        params, g = c.start(data[2], torch.float64)
        losses = c.run(params, data, g, checked).double()
        got = torch.cat([losses, *(p.detach().flatten() for p in params)])
        peer = peer or (got, g.get_state())
        if got.shape != peer[0].shape:
            raise AssertionError(f"{c.name} returns {len(losses)} losses for {checked} steps")
        if not torch.equal(g.get_state(), peer[1]):
            raise AssertionError(f"{c.name} draws other batches than the lecture's loop")
        c.differs = distance(got, peer[0])
        if not c.differs < TOLERANCE:
            raise AssertionError(f"{c.name} computes something else than the lecture's loop: "
                                 f"relative difference {c.differs:.2g} in the losses or weights "
                                 "in float64")


# ---- the race ----------------------------------------------------------------------------------
def race(
    runners: list,  # contenders, the lecture's first
    data: tuple,  # what `dataset` returned
    rounds: int,  # turns of each
    steps: int,  # steps in a turn
    checked: int = CHECKED,  # steps in float64 that have to agree before the race
) -> list:  # one dict of results per contender
    "Lets everybody take turns, and compares each turn with the best of the lecture's."
    compare(runners, data, checked)
    for c in runners: c.begin(data)
    for c in runners:
        if not abs(c.first - runners[0].first) < FIRST_TOLERANCE * abs(runners[0].first):
            raise AssertionError(f"{c.name} starts with the loss {c.first} in float32, the "
                                 f"lecture's loop with {runners[0].first}")
    for _ in range(rounds):
        for c in runners: c.turn(data, steps)
    peer = min((c for c in runners if c.train is runners[0].train), key=lambda c: median(c.seconds))
    return [summary(c, peer) for c in runners]


def summary(c: Contender, peer: Contender) -> dict:
    "What the table and the JSON file say about a contender."
    ratios = [p / s for p, s in zip(peer.seconds, c.seconds)]
    return dict(name=c.name, threads=c.threads, first_loss=c.first, difference=c.differs,
                us=median(c.seconds) * 1e6, ratio=median(ratios), ratio_min=min(ratios),
                ratio_max=max(ratios), turns_us=[s * 1e6 for s in c.seconds])


def table(
    results: list,  # what `race` returned
) -> str:  # lines of text
    "The results, for reading."
    lines = [f"{'':12}{'threads':>8}{'step':>11}{'times as fast':>16}{'(min to max)':>18}"
             f"{'off in float64':>17}"]
    for r in results:
        spread = f"({r['ratio_min']:.2f} to {r['ratio_max']:.2f})"
        lines.append(f"{r['name']:12}{r['threads']:8}{r['us']:8.1f} us{r['ratio']:16.2f}"
                     f"{spread:>18}{r['difference']:17.1e}")
    return "\n".join(lines)


def cores() -> int:
    "How many processors this process may use."
    if hasattr(os, "sched_getaffinity"): return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parser(
    name: str,  # of the bench
    about: str,  # a line about it
) -> argparse.ArgumentParser:
    "The options."
    p = argparse.ArgumentParser(prog=f"bench {name}", description=about)
    p.add_argument("--rounds", type=int, default=9, help="turns of each contender (default 9)")
    p.add_argument("--steps", type=int, default=1000, help="steps in a turn (default 1000)")
    p.add_argument("--threads", type=int, nargs="+", metavar="N", default=[],
                   help="numbers of threads (default: one, torch's choice, and one per core)")
    p.add_argument("--json", metavar="FILE", help="write all results to FILE")
    return p


def bench(
    name: str,  # of the bench
    about: str,  # a line about it
    title: str,  # what the table is about
    start,  # callable: size of the vocabulary, dtype -> parameters, generator
    runs: list,  # pairs of a name and a way to train, the peer first
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if somebody computes something else, 2 for bad arguments
    "Runs the race and prints its table."
    opts = parser(name, about).parse_args(args)
    if min(opts.rounds, opts.steps, *opts.threads) < 1:
        print(f"{name}: needs at least 1 round, 1 step and 1 thread", file=sys.stderr)
        return 2
    import torch
    from zth.data import names
    words = names()
    data = dataset(words)
    machine = dict(python=platform.python_version(), torch=torch.__version__,
                   machine=platform.machine(), system=platform.system(), cores=cores())
    print(f"{title}, {BLOCK} x {EMBED} - {HIDDEN} - {data[2]}, batches of {BATCH} from "
          f"{len(data[0]):,} examples{'' if words.canonical else ' of the sample of names'}; "
          f"medians of {opts.rounds} rounds of {opts.steps} steps; torch {machine['torch']}\n")
    threads = opts.threads or sorted({1, torch.get_num_threads(), cores()})
    runners = [Contender(who, train, start, n) for who, train in runs for n in threads]
    try: results = race(runners, data, opts.rounds, opts.steps)
    except AssertionError as e:
        print(f"{name}: {e}", file=sys.stderr)
        return 1
    print(table(results))
    report = dict(bench=name, **machine, canonical=words.canonical, examples=len(data[0]),
                  rounds=opts.rounds, steps=opts.steps, results=results)
    if opts.json: Path(opts.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0
