"""Writing 256 tokens with the 10.8M GPT: nanoGPT's loop, ours without the cache, and with it.

All have the same weights. First they write in float64 from the same generator, and have to write
the same tokens. Then they take turns in float32, each in a process of its own.
"""
from __future__ import annotations

import sys
from statistics import median

import torch

from ._gpt import Worker, machine, models, parser, ratios, serve, write_json

WAYS = ("nanoGPT", "no cache", "cache")


def writers(dtype):
    "Functions of a number of tokens and a generator."
    from zth.gpt.sampling import generate
    ours, peer = (m.to(dtype).eval() for m in models("large", 0.0))
    start = torch.zeros(1, 1, dtype=torch.int64)
    return {"nanoGPT": lambda n, g: peer.generate(start, n, g),
            "no cache": lambda n, g: generate(ours, start, n, generator=g, cache=False),
            "cache": lambda n, g: generate(ours, start, n, generator=g)}


def agreement(n):
    "Refuses whoever writes something else."
    with torch.no_grad():
        texts = {name: write(n, torch.Generator().manual_seed(1))
                 for name, write in writers(torch.float64).items()}
    for name in WAYS:
        if not torch.equal(texts[name], texts["nanoGPT"]):
            raise AssertionError(f"{name} writes another text than nanoGPT's loop")


def worker(name, tokens, threads):
    "Writes when it is told to."
    torch.set_num_threads(threads)
    write = writers(torch.float32)[name]
    serve(lambda: write(tokens, torch.Generator().manual_seed(1)))


def race(rounds, tokens, threads) -> list:
    "All take turns."
    def command(name): return [sys.executable, "-m", "bench.gpt_generate", "--worker", name,
                               str(tokens), str(threads)]
    with (Worker(WAYS[0], command(WAYS[0])) as peer, Worker(WAYS[1], command(WAYS[1])) as plain,
          Worker(WAYS[2], command(WAYS[2])) as cached):
        for _ in range(rounds):
            for w in (peer, plain, cached): w.turn(1)
    return [dict(name=w.name, seconds=median(w.seconds), **ratios(plain, w), turns=w.seconds)
            for w in (peer, plain, cached)]


def table(results: list) -> str:
    "The results, for reading."
    lines = [f"{'':10}{'256 tokens':>14}{'times as fast':>16}{'(min to max)':>18}"]
    for r in results:
        spread = f"({r['ratio_min']:.2f} to {r['ratio_max']:.2f})"
        lines.append(f"{r['name']:10}{r['seconds']:12.2f} s{r['ratio']:16.2f}{spread:>18}")
    return "\n".join(lines)


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if they write different texts, 2 for bad arguments
    "Runs the race and prints its table."
    args = sys.argv[1:] if args is None else args
    if args[:1] == ["--worker"]: return worker(args[1], *map(int, args[2:])) or 0
    p = parser("gpt_generate", __doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    p.add_argument("--tokens", type=int, default=256, help="tokens to write (default 256)")
    opts = p.parse_args(args)
    opts.threads = max(opts.threads)
    if min(opts.rounds, opts.tokens, opts.threads) < 1:
        print("gpt_generate: needs at least 1 round, token and thread", file=sys.stderr)
        return 2
    torch.set_num_threads(opts.threads)
    try: agreement(min(40, opts.tokens))
    except AssertionError as e:
        print(f"gpt_generate: {e}", file=sys.stderr)
        return 1
    print(f"Writing {opts.tokens} tokens with the 10.8M GPT, float32, {opts.threads} thread(s); "
          f"medians of {opts.rounds} rounds; ratios are to ours without the cache; "
          f"torch {torch.__version__}\n")
    results = race(opts.rounds, opts.tokens, opts.threads)
    print(table(results).replace("256 tokens", f"{opts.tokens} tokens"))
    write_json(opts.json, dict(bench="gpt_generate", **machine(), threads=opts.threads,
                               rounds=opts.rounds, tokens=opts.tokens, results=results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
