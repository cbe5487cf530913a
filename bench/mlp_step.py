"""One training step of the lecture's MLP, in the lecture's loop and in ours.

The network is that of makemore's second part: three characters, an embedding of 10, 200 tanh units,
27 logits, batches of 32, plain SGD. The peer is the loop of the lecture: autograd, one draw of a
batch and one logged loss per step. How many threads suit it best differs between machines, so both
run with one thread, with torch's own choice and with one per core, and the ratios are to the
fastest of the lecture's. All contenders take turns, so that whatever else the machine is doing hits
all of them.

First everybody trains in float64 on the same batches. Losses, weights and the state of the
generator have to agree with the peer's, or there is no table. The turns run in float32, where only
the first losses can be compared: this network starts so badly that rounding errors grow within some
hundred steps, whatever the order in which they arise.
"""
from __future__ import annotations

import sys

from ._steps import BATCH, BLOCK, CHUNK, EMBED, HIDDEN, LR, bench


# ---- the task ----------------------------------------------------------------------------------
def start(
    vocab: int,  # size of the vocabulary
    dtype,  # of the weights
) -> tuple:  # list of the five parameters, and the generator that goes on to draw the batches
    "The weights of the lecture, drawn in float32 for every dtype."
    import torch
    g = torch.Generator().manual_seed(2147483647)
    shapes = [(vocab, EMBED), (BLOCK * EMBED, HIDDEN), (HIDDEN,), (HIDDEN, vocab), (vocab,)]
    params = [torch.randn(shape, generator=g).to(dtype) for shape in shapes]
    for p in params: p.requires_grad = True
    return params, g


# ---- the contenders ----------------------------------------------------------------------------
def lecture(params, X, Y, g, steps):  # (steps,) losses
    "The loop of the lecture, with everything it does in a step."
    import torch
    import torch.nn.functional as F
    C, W1, b1, W2, b2 = params
    lossi, stepi = [], []
    for i in range(steps):
        ix = torch.randint(0, X.shape[0], (BATCH,), generator=g)
        emb = C[X[ix]]
        h = torch.tanh(emb.view(-1, BLOCK * EMBED) @ W1 + b1)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Y[ix])
        for p in params: p.grad = None
        loss.backward()
        for p in params: p.data += -LR * p.grad
        stepi.append(i)
        lossi.append(loss.log10().item())
    return 10 ** torch.tensor(lossi, dtype=torch.float64)


def ours(params, X, Y, g, steps):  # (steps,) losses
    "The same steps with the engine of the chapter."
    import torch
    from zth.mlp import sgd_steps
    losses = []
    for done in range(0, steps, CHUNK):
        n = min(CHUNK, steps - done)
        ix = torch.randint(0, len(X), (n, BATCH), generator=g)  # the stream of n single draws
        losses.append(sgd_steps(params, X[ix], Y[ix], [LR] * n))
    return torch.cat(losses)


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if somebody computes something else, 2 for bad arguments
    "Runs the race and prints its table."
    runs = [("lecture", lecture), ("ours", ours)]
    return bench("mlp_step", __doc__.splitlines()[0], "One training step", start, runs, args)


if __name__ == "__main__":
    sys.exit(main())
