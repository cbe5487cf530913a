"""One training step of the 124M GPT-2: as nanoGPT does it on a CPU, and ours.

Same model, weights and batches, parameters in float32. The peer's step is written from an
understanding of nanoGPT: plain linear layers, AdamW in two groups that goes through the tensors one
by one (its fused kernel is switched on for GPUs only), clipping, and gradients that are freed after
the step. Ours multiplies with oneDNN, updates in one kernel, and keeps its memory; "bfloat16" does
the same with products of numbers of 16 bits, by autocast around the forward pass and the loss.
Memory settings belong to a process and cannot be taken back, so each contender is a process of its
own, and they take turns. The losses of all have to agree, with 16 bits to three digits.

`--log` writes the log that the book reads; `--each` races every change alone, too.
"""
from __future__ import annotations

import sys

from contextlib import nullcontext
from statistics import median

import torch

from ._gpt import Worker, serve
from ._gpt2 import CLOCKS, clock_of, load, parser, peers

WAYS = {"nanoGPT": (), "oneDNN": ("linear",), "fused": ("fused",), "memory": ("memory",),
        "bfloat16": ("bf16", "fused", "memory"), "ours": ("linear", "fused", "memory")}


# ---- a contender in its process ------------------------------------------------------------------
def stepper(flags, batch, T):
    "A function that does one training step and returns the loss."
    from zth.gpt.fast import faster, keep_memory
    from zth.gpt2.model import GPT, GPTConfig
    if "memory" in flags: keep_memory()
    model = GPT(GPTConfig(), torch.Generator().manual_seed(1337))
    if "linear" in flags: faster(model, {torch.nn.Linear: fast_linear()})
    optimizer = model.configure_optimizers(0.1, 6e-4, (0.9, 0.95))
    if "fused" not in flags:
        # new groups: those of an optimizer keep `fused`, whatever the next one is told
        groups = [{k: g[k] for k in ("params", "lr", "betas", "eps", "weight_decay")}
                  for g in optimizer.param_groups]
        optimizer = torch.optim.AdamW(groups, fused=False)
    g = torch.Generator().manual_seed(2)

    def step():
        ids = torch.randint(model.config.vocab_size, (batch, T + 1), generator=g)
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in flags):
            _, loss = model(ids[:, :-1], ids[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()
    return step


def fast_linear():
    "The class of the book's linear layer by oneDNN."
    from zth.gpt.fast import FastLinear
    return FastLinear


def worker(name, batch, T, threads):
    "Does steps when it is told to."
    torch.set_num_threads(threads)
    step, clock = stepper(WAYS[name], batch, T), CLOCKS[clock_of(threads)]

    def timed(n):
        start = clock()
        losses = [step() for _ in range(n)]
        return [(clock() - start) / n, losses]
    serve(lambda: None, step=timed)


# ---- the race ------------------------------------------------------------------------------------
def race(names, opts):
    "Yields a dict for each turn; all take turns."
    def command(name): return [sys.executable, "-m", "bench.gpt2_step", "--worker", name,
                               str(opts.batch), str(opts.length), str(opts.threads)]
    with Worker("nanoGPT", command("nanoGPT")) as peer:
        for name in names:
            peer_first = name == names[0]
            with Worker(name, command(name)) as other:
                for w in ((peer, other) if peer_first else (other,)):
                    _, losses = w.ask("step 2")  # the first ones are slow
                    if w is peer: first = losses[0]
                    elif abs(losses[0] - first) > (1e-3 if "bf16" in WAYS[name] else 1e-4) * first:
                        raise AssertionError(f"{name}: a loss of {losses[0]}, and not {first}")
                for k in range(opts.rounds):
                    for w in (peer, other):
                        seconds, _ = w.ask(f"step {opts.steps}")
                        yield dict(kind="turn", who=w.name, against=name, turn=k, seconds=seconds)


def ratios(rows) -> dict:  # name -> how many times as fast as nanoGPT's, turn by turn
    found = {}
    for name in dict.fromkeys(r["against"] for r in rows if r["kind"] == "turn"):
        mine = {(r["who"] == name, r["turn"]): r["seconds"]
                for r in rows if r.get("against") == name}
        found[name] = [mine[False, k] / s for (own, k), s in mine.items() if own]
    return found


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if they compute something else, 2 for bad arguments
    "Runs the race and prints its table."
    args = sys.argv[1:] if args is None else args
    if args[:1] == ["--worker"]: return worker(args[1], *map(int, args[2:])) or 0
    p = parser("gpt2_step", __doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=4, help="turns of each (default 4)")
    p.add_argument("--steps", type=int, default=1, help="steps in a turn (default 1)")
    p.add_argument("--batch", type=int, default=2, help="rows (default 2)")
    p.add_argument("--length", type=int, default=128, help="tokens in a row (default 128)")
    p.add_argument("--each", action="store_true", help="every change alone, too")
    opts = p.parse_args(args)
    if min(opts.rounds, opts.steps, opts.batch, opts.length, opts.threads) < 1:
        print("gpt2_step: needs at least 1 round, step, row, token and thread", file=sys.stderr)
        return 2
    from zth.runs import RunLog
    names = [*WAYS][:0:-1] if opts.each else ["ours", "bfloat16"]  # ours first
    command = (f"python -m bench gpt2_step --threads {opts.threads} --rounds {opts.rounds} --steps "
               f"{opts.steps} --batch {opts.batch} --length {opts.length}"
               f"{' --each' if opts.each else ''} --log")
    rows = [dict(kind="load", average=load())]
    with (RunLog(opts.log, command, 1337, threads=opts.threads, clock=clock_of(opts.threads),
                 batch=opts.batch, length=opts.length, peers=peers("torch"))
          if opts.log else nullcontext()) as log:
        if log: log.row(**rows[0])
        try:
            for row in race(names, opts):
                rows.append(row)
                if log: log.row(**row)
        except AssertionError as e:
            print(f"gpt2_step: {e}", file=sys.stderr)
            return 1
        if log: log.row(kind="load", average=load())
    plain = median(r["seconds"] for r in rows if r.get("who") == "nanoGPT")
    print(f"A step of the 124M GPT-2, {opts.batch} x {opts.length} tokens, {opts.threads} "
          f"thread(s), seconds of the {clock_of(opts.threads)}; nanoGPT's step {plain:.2f} s; "
          f"load {load()}")
    for name, found in ratios(rows).items():
        print(f"{name:14}{median(found):6.2f} times as fast ({min(found):.2f} to {max(found):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
