"""The race whose log chapter 5 reads: a step of the MLP with batch norm, on every rung of the page.

`python -m zth.backprop speed` runs it and writes the log; `bench.batchnorm_mlp_step` has the same
task with the book's last rung alone, and prints a table.
"""
from __future__ import annotations

from statistics import median

import torch

from zth.backprop import CONTENDERS
from zth.runs import Run

from ._steps import BATCH, CHECKED, CHUNK, LR, Contender, dataset, race
from .batchnorm_mlp_step import start


def plain(vocab, dtype):
    "The weights of the task as tensors that autograd does not follow; the rungs ask it if needed."
    params, g = start(vocab, dtype)
    return [p.detach() for p in params], g


def drawing(steps_function):
    "A contender for the race, from a function that trains on batches that were drawn before."
    def train(params, X, Y, g, steps):  # (steps,) losses
        losses = []
        for done in range(0, steps, CHUNK):
            ix = torch.randint(0, len(X), (min(CHUNK, steps - done), BATCH), generator=g)
            losses.append(steps_function(params, X[ix], Y[ix], [LR] * len(ix)))
        return torch.cat(losses)
    return train


def speed(log, words, steps, seed, rounds=9, threads=(1, 2), checked=CHECKED):
    "All contenders in turns; ratios to the fastest of the lecture's loop. The seed is the task's."
    ways = {name: drawing(f) for name, f in CONTENDERS.items()}
    runners = [Contender(name, train, plain, k) for name, train in ways.items() for k in threads]
    results = race(runners, dataset(words), rounds, steps, checked)
    best = [min((c for c in runners if c.name == name), key=lambda c: median(c.seconds))
            for name in ways]
    for c, r in zip(runners, results):
        log.row(kind="step", name=c.name, threads=c.threads, ratio=r["ratio"], low=r["ratio_min"],
                high=r["ratio_max"], us=r["us"], best=any(c is b for b in best),
                differs=r["difference"], rounds=rounds, steps=steps)


RUNS = {"speed": Run(speed, 1000, "a step of every rung, against the lecture's loop", data="names")}
