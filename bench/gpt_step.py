"""One training step of a GPT: nanoGPT's eager step, and ours.

Both settings of nanoGPT's README for Shakespeare by characters: 4 layers, 128 wide, contexts of 64
and no dropout; and 6 layers, 384 wide, contexts of 256 and a dropout of 0.2. Same model, same
weights, same data, float32, same number of threads. First both train in float64 without dropout on
the same batches, and the losses have to agree; in float32 the first losses have to; under dropout,
where the coins differ, the mean loss of many passes has to. Each contender is a process of its own,
since ours asks its process to keep memory, and they take turns.

The 10.8M model runs with batches of 8 here, which is a minute; `--batch 64` is the full one.
"""
from __future__ import annotations

import sys
from statistics import median

import torch

from ._gpt import (
    SETTINGS,
    Worker,
    agreement,
    contenders,
    data_of,
    dropout_agrees,
    first_losses,
    machine,
    parser,
    peak,
    ratios,
    serve,
    write_json,
)


def worker(name, setting, batch, threads):
    "Does steps when it is told to."
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    if name == "ours":
        from zth.gpt.fast import keep_memory
        keep_memory()
    step, data, g = contenders(setting)[name], data_of()[0], torch.Generator().manual_seed(2)
    serve(lambda: step(data, batch, g))


def race(setting, batch, rounds, steps, threads) -> dict:
    "Both take turns."
    from zth.gpt.fast import step_flops

    from ._gpt import config_of
    def command(name): return [sys.executable, "-m", "bench.gpt_step", "--worker", name, setting,
                               str(batch), str(threads)]
    with (Worker("nanoGPT", command("nanoGPT")) as peer, Worker("ours", command("ours")) as ours):
        for w in (peer, ours): w.turn(1), w.seconds.clear()
        for _ in range(rounds): peer.turn(steps), ours.turn(steps)
        peaks = peak()
    flops, best = step_flops(config_of(setting), batch), max(peaks.values())
    rows = [dict(name=w.name, seconds=median(w.seconds), **ratios(peer, w), turns=w.seconds,
                 gflops=flops / median(w.seconds) / 1e9,
                 share_of_peak=flops / median(w.seconds) / 1e9 / best) for w in (peer, ours)]
    return dict(setting=setting, batch=batch, flops=flops, peak_gflops=peaks, results=rows)


def table(found: dict) -> str:
    "The results of a setting, for reading."
    L, H, C, T, _, p = SETTINGS[found["setting"]]
    peaks = ", ".join(f"{name} {x:.0f}" for name, x in found["peak_gflops"].items())
    lines = [f"{found['setting']}: {L} layers, {H} heads, {C} wide, batch {found['batch']} of {T}, "
             f"dropout {p}; {found['flops'] / 1e9:.1f} GFLOP a step; peak of products, GFLOP/s: "
             f"{peaks}",
             f"{'':10}{'step':>12}{'times as fast':>16}{'(min to max)':>18}{'GFLOP/s':>10}"
             f"{'of peak':>9}"]
    for r in found["results"]:
        spread = f"({r['ratio_min']:.2f} to {r['ratio_max']:.2f})"
        lines.append(f"{r['name']:10}{r['seconds'] * 1e3:9.1f} ms{r['ratio']:16.2f}{spread:>18}"
                     f"{r['gflops']:10.0f}{r['share_of_peak']:9.0%}")
    return "\n".join(lines)


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if they compute something else, 2 for bad arguments
    "Runs the race and prints its tables."
    args = sys.argv[1:] if args is None else args
    if args[:1] == ["--worker"]: return worker(*args[1:3], *map(int, args[3:])) or 0
    p = parser("gpt_step", __doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=7, help="turns of each (default 7)")
    p.add_argument("--steps", type=int, default=20,
                   help="steps of the small setting in a turn; the large one does a tenth "
                        "(default 20)")
    p.add_argument("--batch", type=int, default=8, help="of the large setting (default 8)")
    p.add_argument("--settings", nargs="+", choices=SETTINGS, default=[*SETTINGS],
                   help="which of them (default: both)")
    opts = p.parse_args(args)
    opts.threads = max(opts.threads)
    if min(opts.rounds, opts.steps, opts.batch, opts.threads) < 1:
        print("gpt_step: needs at least 1 round, step, example and thread", file=sys.stderr)
        return 2
    torch.set_num_threads(opts.threads)
    data, canonical = data_of()
    try:
        differs = {s: agreement(s, data, 12 if s == "small" else 1, 10 if s == "small" else 2)
                   for s in opts.settings}
        for s in opts.settings: first_losses(s, data, 4)
        apart = dropout_agrees()
    except AssertionError as e:
        print(f"gpt_step: {e}", file=sys.stderr)
        return 1
    print(f"One training step of a GPT, float32, {opts.threads} thread(s); medians of "
          f"{opts.rounds} rounds; torch {torch.__version__}\nlosses in float64 differ by at most "
          f"{max(differs.values()):.1e}; under dropout the means are {apart:.1f} standard errors "
          "apart")
    found = []
    for s in opts.settings:
        batch, steps = (12, opts.steps) if s == "small" else (opts.batch, max(1, opts.steps // 10))
        found.append(race(s, batch, opts.rounds, steps, opts.threads))
        print(f"\n{table(found[-1])}")
    write_json(opts.json, dict(bench="gpt_step", **machine(), canonical=canonical,
                               threads=opts.threads, rounds=opts.rounds, differs=differs,
                               dropout_errors_apart=apart, settings=found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
