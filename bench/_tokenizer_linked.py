"""Training with linked lists of positions: what the chapter's lists of positions were measured against.

Every position is in one doubly linked list of the occurrences of its pair. A position whose pair
changes is taken out of its list and put into another, so nothing is ever out of date.
"""
from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np

from zth.tokenizer.fast_split import compiled


@compiled
def take_out(p, e, after, before, head):
    "Take a position out of the list of an entry."
    f, g = after[p], before[p]
    if g >= 0: after[g] = f
    else: head[e] = f
    if f >= 0: before[f] = g


@compiled
def put_in(p, e, after, before, head, at):
    "Put a position at the head of the list of an entry."
    f = head[e]
    at[p], after[p], before[p], head[e] = e, f, -1, p
    if f >= 0: before[f] = p


@compiled
def merges_linked(tok, weight, num_merges, found):
    "Learn merges; the arguments are those of `zth.tokenizer.fast_training.merges_compiled`."
    n, vocab = len(tok), 256 + num_merges
    left, right = np.empty(3 * n, np.int32), np.empty(3 * n, np.int32)
    count, head = np.zeros(3 * n, np.int64), np.full(3 * n, -1, np.int32)
    at, after, before = (np.full(n, -1, np.int32), np.full(n, -1, np.int32),
                         np.full(n, -1, np.int32))
    size, partner = np.ones(vocab, np.int32), np.full(2 * vocab, -1, np.int32)
    known, born = np.full(1 << 16, -1, np.int32), 0
    for p in range(n - 2, -1, -1):
        if tok[p] < 0 or tok[p + 1] < 0: continue
        pair = tok[p] << 8 | tok[p + 1]
        if known[pair] < 0:
            known[pair], left[born], right[born] = born, tok[p], tok[p + 1]
            born += 1
        put_in(p, known[pair], after, before, head, at)
        count[known[pair]] += weight[p]
    heap = [(-count[e], left[e], right[e], e) for e in range(born)]
    heapify(heap)
    done = 0
    while heap and done < num_merges:
        minus, a, b, e = heappop(heap)
        if -minus != count[e]:
            if count[e] > 0: heappush(heap, (-count[e], a, b, e))
            continue
        z, oldest = np.int32(256 + done), born
        found[done, 0], found[done, 1], size[z] = a, b, size[a] + size[b]
        while head[e] >= 0:
            p = head[e]
            # pairs that overlap are merged from the left: go to where the row begins
            while a == b and tok[p - 1] == a and at[p - size[a]] == e: p -= size[a]
            while True:  # ... and through all of the row
                middle, end = p + size[a], p + size[z]
                x, y = tok[p - 1], tok[end]
                l = p - size[x] if x >= 0 else -1
                take_out(p, e, after, before, head)
                if l >= 0:
                    take_out(l, at[l], after, before, head)
                    count[at[l]] -= weight[p]
                if y >= 0:
                    take_out(middle, at[middle], after, before, head)
                    count[at[middle]] -= weight[p]
                at[p] = at[middle] = -1
                tok[p] = tok[end - 1] = z
                if l >= 0:
                    slot = x if x != z else vocab + z
                    if partner[slot] < oldest:
                        partner[slot], left[born], right[born], born = born, x, z, born + 1
                    put_in(l, partner[slot], after, before, head, at)
                    count[at[l]] += weight[p]
                if y >= 0:
                    if partner[vocab + y] < oldest:
                        partner[vocab + y], left[born], right[born], born = born, z, y, born + 1
                    put_in(p, partner[vocab + y], after, before, head, at)
                    count[at[p]] += weight[p]
                if a != b or y < 0 or at[end] != e: break
                p = end
        for k in range(oldest, born):
            if count[k] > 0: heappush(heap, (-count[k], left[k], right[k], k))
        done += 1
    yield done
