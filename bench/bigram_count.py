"""Counting the bigrams of all names, from strings to a table, in the lecture's loops and in ours.

The peers are two loops of the lecture: a dictionary with a pair of characters as its key, and a
tensor that is raised by one, cell by cell. The latter is slow enough to be timed on some of the
names and scaled by the number of bigrams. Ours turns the names into a row of ids and counts pairs
of neighbours; its time includes the way from strings to ids, and in the last line also the search
for the vocabulary. All contenders take turns, so that whatever else the machine is doing hits all
of them. A turn is a few calls in a row, of which the median counts. The first call of a turn, which
finds the names and the memory as the contender before left them, has a column of its own. All
counts have to be the same, or there is no table.
"""
from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

END = "."  # the character that ends a name, id 0


# ---- the contenders ----------------------------------------------------------------------------
def dictionary_loop(words, chars):  # dict: pair of characters -> count
    "The first way of the lecture."
    b = {}
    for w in words:
        chs = ["<S>"] + list(w) + ["<E>"]
        for ch1, ch2 in zip(chs, chs[1:]):
            bigram = (ch1, ch2)
            b[bigram] = b.get(bigram, 0) + 1
    return b


def tensor_loop(words, chars):  # (V, V) int32
    "The second way of the lecture."
    import torch
    N = torch.zeros((len(chars), len(chars)), dtype=torch.int32)
    stoi = {c: i for i, c in enumerate(chars)}
    for w in words:
        chs = [END] + list(w) + [END]
        for ch1, ch2 in zip(chs, chs[1:]):
            ix1, ix2 = stoi[ch1], stoi[ch2]
            N[ix1, ix2] += 1
    return N


def ours(words, chars):  # (V, V) int64
    "Ours, when the vocabulary is known."
    from zth.bigram import CharVocab, count_bigrams
    return count_bigrams(words, CharVocab(chars[1:], END))


def ours_with_vocabulary(words, chars):  # (V, V) int64
    "Ours, when the vocabulary is not known."
    from zth.bigram import CharVocab, count_bigrams
    return count_bigrams(words, CharVocab.from_words(words, END))


def vocabulary(
    words: list,  # of strings
) -> str:  # END first
    "The characters of all words, in the order of their ids."
    return END + "".join(sorted(set("".join(words)) - {END}))


@dataclass
class Contender:
    "A way to count, and the times it took."
    name: str  # as printed
    count: object  # callable: words, characters -> table
    words: list  # what it counts
    chars: str  # the vocabulary
    seconds: list = field(default_factory=list)  # one entry per turn: median time of its calls
    first: list = field(default_factory=list)  # one entry per turn: time of its first call
    scale: float = 1.0  # bigrams of all words for each one that it counts

    def turn(self, calls):
        "Counts `calls` times and notes the times, scaled to all words."
        times = []
        for _ in range(calls):
            t = perf_counter()
            self.count(self.words, self.chars)
            times.append((perf_counter() - t) * self.scale)
        self.seconds.append(median(times))
        self.first.append(times[0])


def contenders(
    words: list,  # of strings
    few: int,  # how many of them the slow loop counts
) -> list:  # the peer first
    "Everybody who takes part."
    chars, part = vocabulary(words), words[:few]
    return [
        Contender("dictionary loop", dictionary_loop, words, chars),
        Contender("tensor loop", tensor_loop, part, chars, scale=bigrams(words) / bigrams(part)),
        Contender("ours", ours, words, chars),
        Contender("ours, vocabulary too", ours_with_vocabulary, words, chars),
    ]


def bigrams(words: list) -> int:
    "How many there are to count."
    return sum(map(len, words)) + len(words)


# ---- agreement ---------------------------------------------------------------------------------
def as_lists(
    counts,  # what a contender returned
    chars: str,  # the vocabulary
) -> list:  # V lists of V integers
    "The same table from any of them."
    if not isinstance(counts, dict): return [[int(n) for n in row] for row in counts.tolist()]
    ends = {"<S>": END, "<E>": END}
    table = [[0] * len(chars) for _ in chars]
    for (a, b), n in counts.items():
        table[chars.index(ends.get(a, a))][chars.index(ends.get(b, b))] += n
    return table


def compare(
    runners: list,  # contenders, the peer first
):
    "Refuses whoever counts something else than the peer does on the same words."
    for c in runners:
        got = as_lists(c.count(c.words, c.chars), c.chars)
        want = as_lists(runners[0].count(c.words, c.chars), c.chars)
        if got != want:
            raise AssertionError(f"{c.name} counts something else than the {runners[0].name}: "
                                 f"{sum(map(sum, got)):,} bigrams against {sum(map(sum, want)):,}")


# ---- the race ----------------------------------------------------------------------------------
def race(
    runners: list,  # contenders, the peer first
    rounds: int,  # turns of each
    calls: int,  # calls in a turn
) -> list:  # one dict of results per contender
    "Lets everybody take turns, and compares each turn with the peer's of the same round."
    compare(runners)
    for _ in range(rounds):
        for c in runners: c.turn(calls)
    return [summary(c, runners[0]) for c in runners]


def summary(c: Contender, peer: Contender) -> dict:
    "What the table and the JSON file say about a contender."
    ratios = [p / s for p, s in zip(peer.seconds, c.seconds)]
    firsts = [p / s for p, s in zip(peer.first, c.first)]
    return dict(name=c.name, scaled=c.scale, ms=median(c.seconds) * 1e3, ratio=median(ratios),
                ratio_min=min(ratios), ratio_max=max(ratios), first_ms=median(c.first) * 1e3,
                first_ratio=median(firsts), turns_ms=[s * 1e3 for s in c.seconds],
                firsts_ms=[s * 1e3 for s in c.first])


def table(
    results: list,  # what `race` returned
) -> str:  # lines of text
    "The results, for reading."
    lines = [f"{'':22}{'time':>13}{'times as fast':>16}{'(min to max)':>18}{'first call':>17}"]
    for r in results:
        spread = f"({r['ratio_min']:.2f} to {r['ratio_max']:.2f})"
        note = "  scaled" if r["scaled"] != 1 else ""
        lines.append(f"{r['name']:22}{r['ms']:10.2f} ms{r['ratio']:16.2f}{spread:>18}"
                     f"{r['first_ratio']:17.2f}{note}")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    "The options."
    p = argparse.ArgumentParser(prog="bench bigram_count", description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=9, help="turns of each contender (default 9)")
    p.add_argument("--calls", type=int, default=5, help="calls in a turn (default 5)")
    p.add_argument("--few", type=int, default=1000, metavar="N",
                   help="names that the tensor loop counts (default 1000)")
    p.add_argument("--json", metavar="FILE", help="write all results to FILE")
    return p


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if somebody counts something else, 2 for bad arguments
    "Runs the race and prints its table."
    opts = parser().parse_args(args)
    if min(opts.rounds, opts.calls, opts.few) < 1:
        print("bigram_count: needs at least 1 round, 1 call and 1 name", file=sys.stderr)
        return 2
    import numpy
    from zth.data import names
    found = names()
    words = list(found)
    machine = dict(python=platform.python_version(), numpy=numpy.__version__,
                   machine=platform.machine(), system=platform.system())
    print(f"All {bigrams(words):,} bigrams of {len(words):,} names"
          f"{'' if found.canonical else ' of the sample'}; medians of {opts.rounds} rounds "
          f"of {opts.calls} calls; Python {machine['python']}, numpy {machine['numpy']}\n")
    try: results = race(contenders(words, opts.few), opts.rounds, opts.calls)
    except AssertionError as e:
        print(f"bigram_count: {e}", file=sys.stderr)
        return 1
    print(table(results))
    report = dict(bench="bigram_count", **machine, canonical=found.canonical, names=len(words),
                  bigrams=bigrams(words), rounds=opts.rounds, calls=opts.calls, results=results)
    if opts.json: Path(opts.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
