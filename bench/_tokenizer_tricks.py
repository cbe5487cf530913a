"""The compiled training with one trick taken away: what each of them gains.

A variant is the source of the module with some lines replaced, compiled afresh. A line that is no
longer there is an error, so the variants follow the chapter or fail.
"""
from __future__ import annotations

import inspect

from zth.tokenizer import fast_counting, fast_training

from ._tokenizer_linked import merges_linked


def variant(module, *changes):
    "The names of a module whose source has been changed."
    source = inspect.getsource(module)
    for old, new in changes:
        if old not in source: raise ValueError(f"{module.__name__} no longer has the line {old!r}")
        source = source.replace(old, new)
    # no cache on disk: there is no file of this name
    source = source.replace("@compiled", "@numba.njit")
    names = {"__name__": f"{module.__name__}_variant", "__package__": module.__package__}
    exec("import numba\n" + source, names)
    return names


def learners() -> dict:  # what is done instead -> a learner on arrays
    "Ways to merge without one of the tricks."
    every = variant(fast_training, ("floor, done = count[:born].max(), 0", "floor, done = 1, 0"))
    found = variant(
        fast_training,
        ("left, oldest, m = size[pair[e, LEFT]], born, 0",
         "left, oldest, m = size[pair[e, LEFT]], born, 0\n"
         "    row_of = {(np.int64(0), np.int64(0)): np.int32(0) for _ in range(0)}"),
        ("            if partner[x, 0] < oldest:\n"
         "                partner[x, 0], born = born, new_pair(born, x, z, pair, count)\n"
         "            at[l] = partner[x, 0]\n",
         "            key = np.int64(x), np.int64(z)\n"
         "            if key not in row_of:\n"
         "                row_of[key], born = np.int32(born), new_pair(born, x, z, pair, count)\n"
         "            at[l] = row_of[key]\n"),
        ("            if partner[y, 1] < oldest:\n"
         "                partner[y, 1], born = born, new_pair(born, z, y, pair, count)\n"
         "            at[p], moved[m], m = partner[y, 1], p, m + 1\n",
         "            key = np.int64(z), np.int64(y)\n"
         "            if key not in row_of:\n"
         "                row_of[key], born = np.int32(born), new_pair(born, z, y, pair, count)\n"
         "            at[p], moved[m], m = row_of[key], p, m + 1\n"))
    return {"linked lists": merges_linked, "all pairs in the heap": every["merges_compiled"],
            "a dictionary for new pairs": found["merges_compiled"]}


def counters() -> dict:  # what is done instead -> a function like `count_chunks`
    "Ways to count without one of the tricks."
    single = variant(
        fast_counting,
        ("    shift = U(8 * (i & 7))\n"
         "    word = words[i >> 3] >> shift | (words[(i >> 3) + 1] << U(1)) << (U(63) - shift)\n"
         "    return word & (ALL >> U(64 - 8 * min(size, 8)))",
         "    word = U(0)\n"
         "    for k in range(min(size, 8)):\n"
         "        byte = words[(i + k) >> 3] >> U(8 * ((i + k) & 7)) & U(255)\n"
         "        word |= byte << U(8 * k)\n"
         "    return word"))
    long = variant(
        fast_counting,
        ("        row = (short_row(head, U(size), table) if size <= 8\n"
         "               else long_row(words, start, size, head, table))\n",
         "        row = long_row(words, start, size, head, table)\n"))
    return {"bytes one by one": single["count_chunks"],
            "one way for all lengths": long["count_chunks"]}
