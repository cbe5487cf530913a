"""Writing greedily with the 124M GPT-2: ours, PyTorch's loop, and transformers with its cache.

All have the same random weights, and all read the same text, the one that our decoder writes; so
what each of them would write at every position is compared as well. They take turns in one process,
some tokens each, and between the turns the bandwidth of the memory is measured, so that whatever
else the machine is doing hits all alike. On one thread times are those of the processor; on more
they are those of the wall. A peer that is not installed is left out.

`--log` writes the log that the book reads. With it come products of a matrix and a vector, rows
that are written together, and prompts.
"""
from __future__ import annotations

import copy
import sys
from contextlib import nullcontext
from dataclasses import replace
from statistics import median

import torch

from ._gpt2 import CLOCKS, clock_of, load, parser, peak, peers

START = 50256  # <|endoftext|>
ROWS = (1, 2, 4, 8, 16, 32, 64)
PROMPT = 256


# ---- who takes part: functions of a token that return the logits of the next, (V,) --------------
def decoder(model, bits):
    "Ours."
    from zth.gpt2.fast import Decoder
    ours = Decoder(model, bits)
    return lambda token: ours.read([token])


def plain(model):
    "The loop of the page about sampling: PyTorch, with the cache."
    from zth.gpt.sampling import KVCache
    from zth.gpt2.sampling import read
    cache = KVCache(model.config, 1, dtype=model.lm_head.weight.dtype)
    seen = []

    def step(token):
        seen.append(token)
        return read(model, torch.tensor([seen]), cache)[0]
    return step


def transformers(model):
    "The forward pass of transformers with its cache, without the bookkeeping of its `generate`."
    from transformers import GPT2Config, GPT2LMHeadModel

    from zth.gpt2.weights import to_stored
    theirs = GPT2LMHeadModel(GPT2Config()).eval()
    missing, unexpected = theirs.transformer.load_state_dict(to_stored(model), strict=False)
    if unexpected or missing:
        raise AssertionError(f"transformers has other names: {missing}, {unexpected}")
    theirs.tie_weights()
    past = None

    @torch.no_grad()
    def step(token):
        nonlocal past
        out = theirs(torch.tensor([[token]]), past_key_values=past, use_cache=True)
        past = out.past_key_values
        return out.logits[0, -1]
    return step


def contenders(model) -> dict:  # name -> step
    "Everybody, ours first."
    found = {"ours": decoder(model, 32), "ours, 16 bits": decoder(model, 16),
             "ours, 8 bits": decoder(model, 8), "PyTorch": plain(model),
             "PyTorch, bfloat16": plain(copy.deepcopy(model).bfloat16())}
    if peers("transformers"): found["transformers"] = transformers(model)
    return found


# ---- the race ----------------------------------------------------------------------------------
def race(model, tokens, in_turn, clock):
    "Yields a dict for each turn, and at the end one about what each would have written."
    from zth.gpt2.fast import bandwidth
    steps = contenders(model)
    for step in steps.values(): step(START)  # compiles, too
    agree, apart = dict.fromkeys(steps, 0), dict.fromkeys(steps, 0.0)
    text, largest = [START], 0.0
    for k in range(tokens // in_turn):
        yield dict(kind="bandwidth", turn=k, gbs=bandwidth(clock=clock))
        begin = len(text) - 1
        for name, step in steps.items():
            spent, logits = 0.0, []
            for j in range(in_turn):
                start = clock()
                found = step(text[begin + j])
                token = int(found.argmax())
                spent += clock() - start
                logits.append(found.float().clone())
                if name == "ours": text.append(token)
                agree[name] += token == text[begin + j + 1]
            if name == "ours": wanted = torch.stack(logits)
            largest = max(largest, wanted.abs().max().item())
            apart[name] = max(apart[name], (torch.stack(logits) - wanted).abs().max().item())
            yield dict(kind="turn", turn=k, who=name, tokens=in_turn, seconds=spent)
    done = tokens // in_turn * in_turn
    for name in steps:
        yield dict(kind="agreement", who=name, agree=agree[name], of=done, apart=apart[name],
                   largest=largest)


def in_place(part):
    "Our product with the weights where PyTorch has put them."
    from zth.gpt2.fast import Matrix
    made = Matrix(part, 32)
    made.W = part.weight.detach().numpy()
    return made


def products(model, clock, tries=5):
    "Yields how fast the weights pass through a product with one vector, in GB/s."
    from zth.gpt2.fast import Matrix
    parts = [p for p in model.modules() if isinstance(p, torch.nn.Linear)]
    size = sum(4 * p.weight.numel() for p in parts)
    ours, where_they_are = [Matrix(p, 32) for p in parts], [in_place(p) for p in parts]
    ways = {"F.linear": [lambda x, p=p: torch.nn.functional.linear(x[None], p.weight)
                         for p in parts],
            "ours": [lambda x, m=m: m(x.numpy()) for m in ours],
            "ours, small pages": [lambda x, m=m: m(x.numpy()) for m in where_they_are]}
    xs = [torch.randn(p.in_features) for p in parts]
    for _ in range(tries):
        for who, way in ways.items():
            start = clock()
            with torch.no_grad():
                for product, x in zip(way, xs): product(x)
            yield dict(kind="product", who=who, gbs=size / (clock() - start) / 1e9)


def batches(model, clock, rounds):
    "Yields the seconds of a step for several rows at once, and of a prompt."
    from zth.gpt.sampling import KVCache
    from zth.gpt2.sampling import read
    for _ in range(rounds):
        for rows in ROWS:
            cache = KVCache(replace(model.config, block_size=16), rows)
            idx = torch.randint(model.config.vocab_size, (rows, 10))
            read(model, idx[:, :8], cache)
            start = clock()
            for end in (9, 10): read(model, idx[:, :end], cache)
            yield dict(kind="rows", rows=rows, seconds=(clock() - start) / 2)
        idx = torch.randint(model.config.vocab_size, (1, PROMPT))
        start = clock()
        read(model, idx, KVCache(model.config, 1))
        yield dict(kind="prompt", positions=PROMPT, seconds=clock() - start)


# ---- results -----------------------------------------------------------------------------------
def summary(rows) -> list:  # one dict per contender
    "Tokens per second, and ratios turn by turn: to transformers, and to the limit of the memory."
    from zth.gpt2.fast import bytes_per_token
    from zth.gpt2.model import GPTConfig
    gbs = {r["turn"]: r["gbs"] for r in rows if r["kind"] == "bandwidth"}
    turns = [r for r in rows if r["kind"] == "turn"]
    peer = {r["turn"]: r["seconds"] for r in turns if r["who"] == "transformers"}
    found = []
    for who in dict.fromkeys(r["who"] for r in turns):
        mine = [r for r in turns if r["who"] == who]
        bits = next((b for b, name in ((16, "16"), (8, "8 bits")) if name in who), 32)
        size = bytes_per_token(GPTConfig(), bits)
        shares = [r["tokens"] / r["seconds"] / (gbs[r["turn"]] * 1e9 / size) for r in mine]
        ratios = [peer[r["turn"]] / r["seconds"] for r in mine if r["turn"] in peer]
        found.append(dict(who=who, speed=median(r["tokens"] / r["seconds"] for r in mine),
                          share=median(shares), low=min(shares), high=max(shares),
                          ratio=median(ratios) if ratios else None))
    return found


def table(rows) -> str:
    "The results, for reading."
    lines = [f"{'':20}{'tokens/s':>10}{'of the limit':>14}{'(min to max)':>18}"
             f"{'transformers = 1':>18}"]
    for r in summary(rows):
        spread = f"({r['low']:.0%} to {r['high']:.0%})"
        ratio = f"{r['ratio']:.2f}" if r["ratio"] else "-"
        lines.append(f"{r['who']:20}{r['speed']:10.1f}{r['share']:14.0%}{spread:>18}{ratio:>18}")
    return "\n".join(lines)


def measure(model, opts, clock):
    "Yields every row of the log."
    yield dict(kind="load", average=load())
    yield from race(model, opts.tokens, opts.turn, clock)
    if opts.log:
        yield from products(model, clock)
        for by, gflops in peak(clock).items(): yield dict(kind="peak", by=by, gflops=gflops)
        yield from batches(model, clock, opts.rounds)
    yield dict(kind="load", average=load())


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, or 2 for bad arguments
    "Runs the race and prints its table."
    p = parser("gpt2_generate", __doc__.splitlines()[0])
    p.add_argument("--tokens", type=int, default=256, help="tokens of each (default 256)")
    p.add_argument("--turn", type=int, default=16, help="tokens in a turn (default 16)")
    p.add_argument("--rounds", type=int, default=3, help="turns of the rows (default 3)")
    opts = p.parse_args(args)
    if min(opts.turn, opts.threads, opts.rounds) < 1 or not opts.turn <= opts.tokens <= 1000:
        print("gpt2_generate: needs a thread, a round and a turn of at most --tokens, which are "
              "at most 1000", file=sys.stderr)
        return 2
    try: import numba  # noqa: F401
    except ImportError:
        print("gpt2_generate: our decoder needs numba: pip install 'zth[fast]'", file=sys.stderr)
        return 2
    torch.set_num_threads(opts.threads)
    from zth.gpt2.model import GPT, GPTConfig
    from zth.runs import RunLog
    torch.manual_seed(1337)
    model = GPT(GPTConfig(), torch.Generator().manual_seed(1337)).eval()
    clock, rows = clock_of(opts.threads), []
    command = (f"python -m bench gpt2_generate --threads {opts.threads} --tokens {opts.tokens} "
               f"--turn {opts.turn} --rounds {opts.rounds} --log")
    with (RunLog(opts.log, command, 1337, threads=opts.threads, clock=clock,
                 peers=peers("transformers", "numba")) if opts.log else nullcontext()) as log:
        for row in measure(model, opts, CLOCKS[clock]):
            rows.append(row)
            if log: log.row(**row)
    print(f"124M GPT-2, {opts.tokens} tokens, {opts.threads} thread(s), seconds of the {clock}; "
          f"torch {torch.__version__}; load {load()}\n\n{table(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
