"""One training step of the MLP with batch norm: autograd, as in the lecture, and ours by hand.

The network is that of makemore's fourth part: three characters, an embedding of 10, 200 tanh units
behind a batch norm whose variance is divided by n - 1, 27 logits, batches of 32, plain SGD. The
peer is the lecture's network in the loop of the lectures: autograd, the batch norm written out, one
draw of a batch and one logged loss per step. A second contender is autograd at its leanest, with
PyTorch's own batch norm and one call for all updates. How many threads suit whom differs between
machines, so all run with one thread, with torch's own choice and with one per core, and the ratios
are to the fastest of the lecture's. All contenders take turns, so that whatever else the machine is
doing hits all of them.

First everybody trains in float64 on the same batches. Losses, weights and the state of the
generator have to agree with the peer's after 1000 steps, or there is no table. The turns run in
float32, where the losses of the first steps are compared.
"""
from __future__ import annotations

import sys

from ._steps import BATCH, BLOCK, CHUNK, EMBED, HIDDEN, LR, bench

EPS = 1e-5  # of the batch norm


# ---- the task ----------------------------------------------------------------------------------
def start(
    vocab: int,  # size of the vocabulary
    dtype,  # of the weights
) -> tuple:  # list of the seven parameters, and the generator that goes on to draw the batches
    "The weights of the lecture, drawn in float32 for every dtype."
    import torch
    g = torch.Generator().manual_seed(2147483647)
    scales = [((vocab, EMBED), 1, 0), ((BLOCK * EMBED, HIDDEN), 5 / 3 / (BLOCK * EMBED)**0.5, 0),
              ((HIDDEN,), 0.1, 0), ((HIDDEN, vocab), 0.1, 0), ((vocab,), 0.1, 0),
              ((1, HIDDEN), 0.1, 1), ((1, HIDDEN), 0.1, 0)]  # the last two: gain and bias
    params = [(torch.randn(shape, generator=g) * scale + add).to(dtype)
              for shape, scale, add in scales]
    for p in params: p.requires_grad = True
    return params, g


# ---- the contenders ----------------------------------------------------------------------------
def lecture(params, X, Y, g, steps):  # (steps,) losses
    "The loop of the lectures on the network of this one, with everything it does in a step."
    import torch
    import torch.nn.functional as F
    C, W1, b1, W2, b2, bngain, bnbias = params
    lossi, stepi = [], []
    for i in range(steps):
        ix = torch.randint(0, X.shape[0], (BATCH,), generator=g)
        emb = C[X[ix]]
        hprebn = emb.view(-1, BLOCK * EMBED) @ W1 + b1
        bnmean = hprebn.mean(0, keepdim=True)
        bnvar = hprebn.var(0, keepdim=True, unbiased=True)
        bnraw = (hprebn - bnmean) * (bnvar + EPS) ** -0.5
        h = torch.tanh(bngain * bnraw + bnbias)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Y[ix])
        for p in params: p.grad = None
        loss.backward()
        for p in params: p.data += -LR * p.grad
        stepi.append(i)
        lossi.append(loss.log10().item())
    return 10 ** torch.tensor(lossi, dtype=torch.float64)


def leanest(params, X, Y, g, steps):  # (steps,) losses
    "The same with autograd and as few operations as PyTorch allows."
    import torch
    import torch.nn.functional as F
    C, W1, b1, W2, b2, bngain, bnbias = params
    k, losses = (BATCH - 1) / BATCH, []  # PyTorch divides by n: the rest is a factor on the gain
    for done in range(0, steps, CHUNK):
        ix = torch.randint(0, len(X), (min(CHUNK, steps - done), BATCH), generator=g)
        for x, y in zip(X[ix], Y[ix]):
            a = torch.addmm(b1, F.embedding(x, C).flatten(1), W1)
            a = F.batch_norm(a, None, None, bngain[0] * k**0.5, bnbias[0], True, 0.0, EPS * k)
            loss = F.cross_entropy(torch.addmm(b2, a.tanh(), W2), y)
            grads = torch.autograd.grad(loss, params)
            with torch.no_grad(): torch._foreach_add_(params, grads, alpha=-LR)
            losses.append(loss.detach())
    return torch.stack(losses)


def ours(params, X, Y, g, steps):  # (steps,) losses
    "The same steps with the engine of the chapter."
    import torch
    from zth.backprop import bn_steps
    losses = []
    for done in range(0, steps, CHUNK):
        n = min(CHUNK, steps - done)
        ix = torch.randint(0, len(X), (n, BATCH), generator=g)  # the stream of n single draws
        losses.append(bn_steps(params, X[ix], Y[ix], [LR] * n, EPS))
    return torch.cat(losses)


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if somebody computes something else, 2 for bad arguments
    "Runs the race and prints its table."
    runs = [("lecture", lecture), ("leanest", leanest), ("ours", ours)]
    about, title = __doc__.splitlines()[0], "One training step with batch norm"
    return bench("batchnorm_mlp_step", about, title, start, runs, args)


if __name__ == "__main__":
    sys.exit(main())
