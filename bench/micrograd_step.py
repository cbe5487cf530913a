"""One training step of a small network, on our engines and on the micrograd they rebuild.

The network is the 2-16-16-1 of micrograd's demo, with ReLU. The step runs 100 points of two moons
forward, forms the max-margin loss with an L2 term, resets the gradients, runs backward and moves
the 337 parameters. All contenders start from the same weights and take turns, so that whatever
else the machine is doing hits all of them. Their first loss and all their first gradients have to
agree with the peer's to rounding, or there is no table.

Every turn begins with no graph alive. Python's garbage collector runs as it does for any user;
with `--gc paused` it runs only between the steps, which shows how much of a difference is its
doing.
"""
from __future__ import annotations

import argparse
import gc
import json
import math
import platform
import random
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter

LAYERS = [16, 16, 1]


# ---- the task ----------------------------------------------------------------------------------
def two_moons(
    n: int,  # number of points
    noise: float = 0.1,  # standard deviation of the jitter
    seed: int = 1337,  # seed of the jitter
) -> tuple:  # inputs, n lists of two floats; labels, n integers -1 or 1
    "Two interleaved half-circles, with nothing but the standard library."
    rng, X, y = random.Random(seed), [], []
    for i in range(n):
        t, upper = math.pi * (i // 2) / max(1, n // 2 - 1), i % 2
        point = (math.cos(t), math.sin(t)) if upper else (1 - math.cos(t), 0.5 - math.sin(t))
        X.append([c + rng.gauss(0, noise) for c in point])
        y.append(-1 if upper else 1)
    return X, y


def loss_of(
    model,  # callable: list of inputs -> score, with `parameters()`
    engine: type,  # class of the numbers
    X: list, y: list,  # the points and their labels
):  # the loss, a number of that engine
    "The max-margin loss of micrograd's demo, written with the operators that every engine has."
    scores = [model([engine(x) for x in row]) for row in X]
    losses = [(1 + -label * score).relu() for label, score in zip(y, scores)]
    return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())


def count_nodes(
    root,  # a number of any engine
) -> int:  # values that are the result of an operation
    "The size of the graph below `root`, without its leaves."
    seen, todo = {id(root)}, [root]
    for v in todo:
        for child in v._prev:
            if id(child) not in seen and child._prev:
                seen.add(id(child))
                todo.append(child)
    return len(todo)


# ---- the contenders ----------------------------------------------------------------------------
@dataclass
class Contender:
    "A model, the engine it runs on, and the times of its steps."
    name: str  # as printed
    engine: type  # class of the numbers
    make: object  # callable without arguments: a new model, drawn from the global generator
    seconds: list = field(default_factory=list)  # one entry per turn: median time of its steps
    parts: list = field(default_factory=list)  # one entry per step: forward, backward, update
    nodes: int = 0  # operations in the graph of one step
    first: tuple = ()  # loss and gradients of the very first step

    def start(self, X, y):
        "Draws the weights and takes the step that is compared with the peer's."
        random.seed(1337)
        self.model = self.make()
        loss = loss_of(self.model, self.engine, X, y)
        self.model.zero_grad()
        loss.backward()
        self.first = loss.data, [p.grad for p in self.model.parameters()]
        self.nodes = count_nodes(loss)

    def turn(self, X, y, steps, pause, lr=0.1):
        "Takes `steps` training steps and notes their times."
        gc.collect()
        times, model = [], self.model
        for _ in range(steps):
            if pause:
                loss = None
                gc.collect()
                gc.disable()
            try:
                t0 = perf_counter()
                loss = loss_of(model, self.engine, X, y)  # the last graph lives on until now
                t1 = perf_counter()
                model.zero_grad()
                loss.backward()
                t2 = perf_counter()
                for p in model.parameters(): p.data -= lr * p.grad
                t3 = perf_counter()
            finally: gc.enable()
            times.append(t3 - t0)
            self.parts.append((t1 - t0, t2 - t1, t3 - t2))
        self.seconds.append(median(times))


def contenders(
    peer_engine: type, peer_mlp: type,  # `Value` and `MLP` of the peer
) -> list:  # the peer first
    "Everybody who takes part."
    from zth.micrograd import MLP, ClosureValue, Value

    def ours(**kwargs): return lambda: MLP(2, LAYERS, **kwargs)
    return [
        Contender("micrograd", peer_engine, lambda: peer_mlp(2, LAYERS)),
        Contender("ClosureValue", ClosureValue, ours(engine=ClosureValue, fused=False)),
        Contender("Value", Value, ours(fused=False)),
        Contender("Value, fused neuron", Value, ours(fused=True)),
    ]


def load_peer(
    path: str | None,  # folder that holds the package `micrograd`; None: the installed one
) -> tuple:  # its Value, its MLP, and where they come from
    "Imports the original micrograd."
    if path:
        folder = Path(path).resolve()
        if (folder / "engine.py").exists(): folder = folder.parent  # the package itself
        if not (folder / "micrograd" / "engine.py").exists():
            raise ModuleNotFoundError(f"no micrograd/engine.py under {path}")
        sys.path.insert(0, str(folder))
    engine, nn = import_module("micrograd.engine"), import_module("micrograd.nn")
    return engine.Value, nn.MLP, str(Path(engine.__file__).parent)


def disagreement(
    a: tuple, b: tuple,  # loss and list of gradients
) -> float:  # largest difference, relative to the size of the numbers, at least 1
    "How far two first steps are apart."
    pairs = [(a[0], b[0]), *zip(a[1], b[1])]
    return max(abs(x - y) / max(1.0, abs(x), abs(y)) for x, y in pairs)


# ---- the race ----------------------------------------------------------------------------------
def race(
    runners: list,  # contenders, the peer first
    X: list, y: list,  # the points and their labels
    rounds: int,  # turns of each
    steps: int,  # steps in a turn
    pause: bool,  # stop the garbage collector during a step?
) -> list:  # one dict of results per contender
    "Lets everybody take turns, and compares each turn with the peer's of the same round."
    for c in runners: c.start(X, y)
    peer = runners[0]
    for c in runners:
        off = disagreement(c.first, peer.first)
        if len(c.first[1]) != len(peer.first[1]) or not off < 1e-9:
            raise AssertionError(f"{c.name} computes something else than {peer.name}: "
                                 f"relative difference {off:.2g} in the first loss or gradients")
    for _ in range(rounds):
        for c in runners: c.turn(X, y, steps, pause)
    return [summary(c, peer) for c in runners]


def summary(c: Contender, peer: Contender) -> dict:
    "What the table and the JSON file say about a contender."
    ratios = [p / s for p, s in zip(peer.seconds, c.seconds)]
    forward, backward, update = map(median, zip(*c.parts))
    return dict(name=c.name, nodes=c.nodes, loss=c.first[0],
                difference=disagreement(c.first, peer.first),
                ms=median(c.seconds) * 1e3, forward_ms=forward * 1e3,
                backward_ms=backward * 1e3, update_ms=update * 1e3,
                ratio=median(ratios), ratio_min=min(ratios), ratio_max=max(ratios),
                turns_ms=[s * 1e3 for s in c.seconds])


def table(
    results: list,  # what `race` returned
) -> str:  # lines of text
    "The results, for reading."
    lines = [f"{'':22}{'nodes':>7}{'step':>10}{'forward':>10}{'backward':>10}"
             f"{'times as fast':>16}{'(min to max)':>18}"]
    for r in results:
        spread = f"({r['ratio_min']:.1f} to {r['ratio_max']:.1f})"
        lines.append(f"{r['name']:22}{r['nodes']:7}{r['ms']:7.1f} ms{r['forward_ms']:7.1f} ms"
                     f"{r['backward_ms']:7.1f} ms{r['ratio']:16.1f}{spread:>18}")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    "The options."
    p = argparse.ArgumentParser(prog="bench micrograd_step", description=__doc__.splitlines()[0])
    p.add_argument("--peer", metavar="PATH", help="folder that holds the original package "
                   "`micrograd` (default: the installed one, from PyPI)")
    p.add_argument("--rounds", type=int, default=5, help="turns of each contender (default 5)")
    p.add_argument("--steps", type=int, default=3, help="steps in a turn (default 3)")
    p.add_argument("--points", type=int, default=100, help="points of the two moons (default 100)")
    p.add_argument("--gc", choices=["on", "paused", "both"], default="both",
                   help="the garbage collector during a step (default: both, one after the other)")
    p.add_argument("--json", metavar="FILE", help="write all results to FILE")
    return p


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if somebody computes something else, 2 for bad arguments
    "Runs the race and prints its tables."
    opts = parser().parse_args(args)
    if min(opts.rounds, opts.steps) < 1 or opts.points < 4:
        print("micrograd_step: needs at least 1 round, 1 step and 4 points", file=sys.stderr)
        return 2
    try: value, mlp, origin = load_peer(opts.peer)
    except ImportError as e:
        print(f"micrograd_step: the peer is missing ({e}); `pip install micrograd==0.1.0` "
              "or --peer PATH", file=sys.stderr)
        return 2
    X, y = two_moons(opts.points)
    machine = dict(python=platform.python_version(), implementation=sys.implementation.name,
                   machine=platform.machine(), system=platform.system())
    report = dict(bench="micrograd_step", peer=origin, **machine, points=opts.points,
                  rounds=opts.rounds, steps=opts.steps, results={})
    print(f"One training step, {opts.points} points, 2-16-16-1; medians of {opts.rounds} rounds "
          f"of {opts.steps} steps; Python {machine['python']}")
    for mode in (["on", "paused"] if opts.gc == "both" else [opts.gc]):
        try: results = race(contenders(value, mlp), X, y, opts.rounds, opts.steps, mode == "paused")
        except AssertionError as e:
            print(f"micrograd_step: {e}", file=sys.stderr)
            return 1
        report["results"][mode] = results
        print(f"\nGarbage collector {mode}\n{table(results)}")
    if opts.json: Path(opts.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
