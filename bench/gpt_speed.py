"""The race whose log chapter 7 reads: a training step with each way to make it faster, and writing.

`python -m zth.gpt speed` runs it and writes the log. A setting like `keep_memory` cannot be taken
back, so every variant is a process of its own, and they take turns. `bench.gpt_step` races our
step against nanoGPT's.
"""
from __future__ import annotations

import sys
from time import perf_counter

import torch
import torch.nn as nn

from zth.gpt.fast import FAST, faster, keep_memory, step_flops
from zth.gpt.layers import CausalSelfAttention
from zth.gpt.model import GPTLanguageModel
from zth.gpt.sampling import generate
from zth.gpt.text import get_batch
from zth.gpt.training import TrainConfig, make_optimizer, train_step
from zth.runs import Run

from ._gpt import VOCAB, Worker, config_of, peak, serve

BATCH = {"small": 12, "large": 4}  # the large model with a batch whose step takes about a second
VARIANTS = {"plain": (), "oneDNN": ("linear",), "memory": ("memory",), "fused": ("fused",),
            "dropout": ("dropout",), "all": ("linear", "memory", "fused", "dropout")}
SWAPS = {"linear": [nn.Linear], "dropout": [nn.Dropout, CausalSelfAttention]}
PARTS = {"products": "mm addmm linear _linear_pointwise", "randomness": "bernoulli_ random_ ge",
         "attention": "bmm baddbmm softmax _softmax _softmax_backward_data copysign relu abs"
                      " masked_fill masked_fill_ _scaled_dot_product_flash_attention_for_cpu"
                      " _scaled_dot_product_flash_attention_for_cpu_backward",
         "elementwise": "add add_ mul mul_ gelu gelu_backward sum copy_ native_layer_norm"
                        " native_layer_norm_backward addcmul_ div where"}


# ---- a variant in its process ------------------------------------------------------------------
def ready(setting, variant):
    "A function that does one training step of a variant."
    flags, config = VARIANTS[variant], config_of(setting)
    if "memory" in flags: keep_memory()
    g = torch.Generator().manual_seed(1337)
    swap = {kind: FAST[kind] for flag in flags for kind in SWAPS.get(flag, [])}
    model = GPTLanguageModel(config, g)
    if swap: model = faster(model, swap)
    optimizer = make_optimizer(model, TrainConfig())
    if "fused" not in flags: optimizer = torch.optim.AdamW(optimizer.param_groups, fused=False)
    data = torch.randint(VOCAB, (50_000,), generator=g)
    return lambda: train_step(model, optimizer, *get_batch(data, BATCH[setting],
                                                           config.block_size, g))


def part_of(key) -> str:
    "To which part of a step an operation belongs."
    name = key.split("::")[-1]
    if any(s in key for s in ("Adam", "_foreach", "lerp", "addcdiv", "sqrt")): return "optimizer"
    return next((part for part, ops in PARTS.items() if name in ops.split()), "other")


def profile(step, n) -> dict:  # part: share
    "The share of each part in the time of a step."
    with torch.profiler.profile() as seen:
        for _ in range(n): step()
    spent = {}
    for e in seen.key_averages():
        spent[part_of(e.key)] = spent.get(part_of(e.key), 0) + e.self_cpu_time_total
    return {part: t / sum(spent.values()) for part, t in spent.items()}


def worker(setting, variant):
    "Does steps when it is told to, or says where their time goes."
    torch.set_num_threads(1)
    step = ready(setting, variant)
    for _ in range(2): step()
    serve(step, profile=lambda n: profile(step, n))


# ---- the race ----------------------------------------------------------------------------------
def race(log, setting, workers, rounds, n):
    "All variants in turns, and the profiles of the first and the last."
    for k in range(rounds):
        for w in workers.values():
            w.turn(n)
            log.row(kind="turn", setting=setting, variant=w.name, round=k, seconds=w.seconds[-1])
    for v in ("plain", "all"):
        for part, share in workers[v].ask(f"profile {n}").items():
            log.row(kind="profile", setting=setting, variant=v, part=part, share=share)


def write_times(log, new, rounds=3):
    "Writing with the 10.8M model, with and without the cache."
    model = GPTLanguageModel(config_of("large", dropout=0.0)).eval()
    for kept in (True, False) * rounds:
        start = perf_counter()
        generate(model, torch.zeros(1, 1, dtype=torch.int64), new, cache=kept)
        log.row(kind="write", cache=kept, tokens=new, seconds=perf_counter() - start)


def speed(log, text, rounds, seed, turns=(("small", 20), ("large", 1)), new=256):
    "Steps of all variants in turns, their profiles, peaks and writing; on one thread."
    torch.set_num_threads(1)
    for name, gflops in peak(512, 40).items():
        log.row(kind="peak", by={"@": "mkl", "oneDNN": "onednn"}[name], gflops=gflops)
    for setting, n in turns:
        log.row(kind="setting", setting=setting, batch=BATCH[setting],
                flops=step_flops(config_of(setting), BATCH[setting]))
        workers = {}
        try:
            for v in VARIANTS:
                command = [sys.executable, "-m", "bench.gpt_speed", setting, v]
                workers[v] = Worker(v, command).__enter__()
            race(log, setting, workers, rounds, n)
        finally:
            for w in workers.values(): w.__exit__()
    write_times(log, new)


RUNS = {"speed": Run(speed, 7, "a training step, faster by one thing at a time (steps: rounds)")}

if __name__ == "__main__": worker(*sys.argv[1:])
