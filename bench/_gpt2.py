"""What the benches of GPT-2 share: clocks, the load of the machine, options."""
from __future__ import annotations

import argparse
import os
import time
from importlib.metadata import PackageNotFoundError, version

CLOCKS = {"processor": time.process_time, "wall": time.perf_counter}


def clock_of(threads: int) -> str:  # a key of `CLOCKS`
    "One thread is timed by the seconds of the processor, which other work hardly changes."
    return "processor" if threads == 1 else "wall"


def load() -> list:  # or None where the system does not say
    "How many processes wanted a processor in the last 1, 5 and 15 minutes, in the mean."
    return [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None


def peers(*names) -> dict:  # name -> version
    "The versions of the packages that take part."
    found = {}
    for name in names:
        try: found[name] = version(name)
        except PackageNotFoundError: pass
    return found


def parser(name, about) -> argparse.ArgumentParser:
    "The options that the benches have in common."
    p = argparse.ArgumentParser(prog=f"bench {name}", description=about)
    p.add_argument("--threads", type=int, default=1, metavar="N", help="of everybody (default 1)")
    p.add_argument("--log", nargs="?", const=name, metavar="NAME",
                   help=f"write a log of the book (default name: {name})")
    return p


def peak(clock, n=512, tries=60) -> dict:  # name -> 10^9 operations per second
    "Products of two matrices by both libraries of PyTorch, the best of some."
    import torch
    from zth.gpt.fast import onednn_product
    a, b = torch.randn(n, n), torch.randn(n, n)
    ways = {"mkl": lambda: a @ b}
    if dnn := onednn_product(): ways["onednn"] = lambda: dnn(a, b, None, "none", [], "")
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(tries):
        for by, way in ways.items():
            start = clock()
            way()
            best[by] = min(best[by], clock() - start)
    return {by: 2 * n**3 / seconds / 1e9 for by, seconds in best.items()}
