"""What the benches of chapter 7 share: nanoGPT's model and step, workers, turns, options.

The peer is written from an understanding of nanoGPT, not copied: linear layers without biases,
PyTorch's attention function, exact GELU, the head tied to the embedding, AdamW that goes through
lists of tensors (its fused kernel is switched on for GPUs only), clipping, batches stacked from
slices. nanoGPT also drops after the embedding, which our model does not; the peer leaves it out,
so that both compute the same.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
import torch.nn as nn
import torch.nn.functional as F

SETTINGS = {  # layers, heads, width, context, batch, dropout
    "small": (4, 4, 128, 64, 12, 0.0),
    "large": (6, 6, 384, 256, 64, 0.2),
}
VOCAB = 65


# ---- the peer ----------------------------------------------------------------------------------
class PeerAttention(nn.Module):
    "Causal self-attention by PyTorch's function."
    def __init__(self, C, H, p):
        super().__init__()
        self.H, self.p = H, p
        self.c_attn, self.c_proj = nn.Linear(C, 3 * C, bias=False), nn.Linear(C, C, bias=False)
        self.resid_dropout = nn.Dropout(p)

    def forward(self, x):
        B, T, C = x.shape
        parts = (t.view(B, T, self.H, -1).transpose(1, 2) for t in self.c_attn(x).split(C, dim=2))
        y = F.scaled_dot_product_attention(*parts, dropout_p=self.p if self.training else 0.0,
                                           is_causal=True)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C)))


class PeerBlock(nn.Module):
    "Pre-norm residual block."
    def __init__(self, C, H, p):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(C, bias=False), nn.LayerNorm(C, bias=False)
        self.attn = PeerAttention(C, H, p)
        self.c_fc, self.c_proj = nn.Linear(C, 4 * C, bias=False), nn.Linear(4 * C, C, bias=False)
        self.gelu, self.dropout = nn.GELU(), nn.Dropout(p)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.dropout(self.c_proj(self.gelu(self.c_fc(self.ln_2(x)))))


class Peer(nn.Module):
    "nanoGPT's model."
    def __init__(self, L, H, C, T, p):
        super().__init__()
        self.T = T
        self.wte, self.wpe = nn.Embedding(VOCAB, C), nn.Embedding(T, C)
        self.h = nn.ModuleList(PeerBlock(C, H, p) for _ in range(L))
        self.ln_f, self.lm_head = nn.LayerNorm(C, bias=False), nn.Linear(C, VOCAB, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, idx, targets=None):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.h: x = block(x)
        x = self.ln_f(x)
        if targets is None: return self.lm_head(x[:, [-1]]), None
        logits = self.lm_head(x)
        loss = F.cross_entropy(logits.view(-1, VOCAB), targets.view(-1), ignore_index=-1)
        return logits, loss

    @torch.no_grad()
    def generate(self, idx, new, generator):
        "nanoGPT's loop: the whole context for every token."
        for _ in range(new):
            probs = F.softmax(self(idx[:, -self.T:])[0][:, -1], dim=-1)
            idx = torch.cat((idx, torch.multinomial(probs, 1, generator=generator)), dim=1)
        return idx


def peer_weights(ours) -> dict:  # the state of a Peer
    "Our weights under the peer's names."
    names = {"token_embedding_table": "wte", "position_embedding_table": "wpe", "blocks": "h",
             "ln1": "ln_1", "ln2": "ln_2", "qkv": "c_attn", "proj": "c_proj", "ffwd.net.0": "c_fc",
             "ffwd.net.2": "c_proj"}
    state = {}
    for name, t in ours.state_dict().items():
        if name.endswith("tril"): continue
        for old, new in names.items(): name = name.replace(old, new)
        state[name] = t.clone()
    return state


# ---- steps -------------------------------------------------------------------------------------
def config_of(setting, dropout=None):
    "Our configuration of a setting."
    from zth.gpt.model import GPTConfig
    L, H, C, T, _, p = SETTINGS[setting]
    return GPTConfig(VOCAB, T, L, H, C, p if dropout is None else dropout, False, "gelu", True)


def models(setting, dropout=None):
    "Ours and the peer with the same weights."
    from zth.gpt.fast import faster
    from zth.gpt.model import GPTLanguageModel
    L, H, C, T, _, p = SETTINGS[setting]
    ours = GPTLanguageModel(config_of(setting, dropout), torch.Generator().manual_seed(1337))
    peer = Peer(L, H, C, T, p if dropout is None else dropout)
    peer.load_state_dict(peer_weights(ours))
    return faster(ours), peer


def peer_optimizer(model):
    "AdamW with two groups, as nanoGPT makes it on a CPU."
    every = list(model.parameters())
    groups = [{"params": [p for p in every if p.dim() >= 2], "weight_decay": 0.1},
              {"params": [p for p in every if p.dim() < 2], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=False)


def peer_step(model, optimizer, data, batch, g):
    "nanoGPT's step."
    ix = torch.randint(len(data) - model.T, (batch,), generator=g)
    x = torch.stack([data[i:i + model.T] for i in ix])
    y = torch.stack([data[i + 1:i + 1 + model.T] for i in ix])
    _, loss = model(x, y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss


def our_step(model, optimizer, data, batch, g):
    "A step of the chapter's engine."
    from zth.gpt.text import get_batch
    from zth.gpt.training import train_step
    return train_step(model, optimizer, *get_batch(data, batch, model.block_size, g))


def contenders(setting, dropout=None, dtype=torch.float32):
    "Functions of data, batch and generator that do a step: the peer's and ours."
    from zth.gpt.training import TrainConfig, make_optimizer
    ours, peer = (m.to(dtype) for m in models(setting, dropout))
    theirs, mine = peer_optimizer(peer), make_optimizer(ours, TrainConfig())
    return {"nanoGPT": lambda *a: peer_step(peer, theirs, *a),
            "ours": lambda *a: our_step(ours, mine, *a)}


# ---- agreement ---------------------------------------------------------------------------------
def agreement(setting, data, batch, steps=10):
    "Largest relative difference of the losses of some steps in float64, without dropout."
    losses = {}
    for name, step in contenders(setting, 0.0, torch.float64).items():
        g = torch.Generator().manual_seed(1)
        losses[name] = torch.stack([step(data, batch, g).detach() for _ in range(steps)])
    differs = ((losses["ours"] - losses["nanoGPT"]) / losses["nanoGPT"]).abs().max().item()
    if not differs < 1e-9:
        raise AssertionError(f"{setting}: the losses differ by {differs:.2g} in float64")
    return differs


def first_losses(setting, data, batch):
    "The first loss of both in float32, without dropout."
    got = {name: step(data, batch, torch.Generator().manual_seed(1)).item()
           for name, step in contenders(setting, 0.0).items()}
    if not abs(got["ours"] - got["nanoGPT"]) < 1e-4 * got["nanoGPT"]:
        raise AssertionError(f"{setting}: the first losses in float32 differ: {got}")


def dropout_agrees(n=60):
    "Compares the distribution of the loss under dropout, for a narrow model with large weights."
    from zth.gpt.fast import faster
    from zth.gpt.model import GPTConfig, GPTLanguageModel
    ours = GPTLanguageModel(GPTConfig(VOCAB, 32, 2, 2, 32, 0.2, False, "gelu", True),
                            torch.Generator().manual_seed(1))
    with torch.no_grad():
        for p in ours.parameters(): p.mul_(5)
    peer = Peer(2, 2, 32, 32, 0.2)
    peer.load_state_dict(peer_weights(ours))
    x = torch.randint(VOCAB, (16, 32), generator=torch.Generator().manual_seed(2))
    torch.manual_seed(3)
    with torch.no_grad():
        a, b = (torch.stack([m(x, x)[1] for _ in range(n)]) for m in (faster(ours), peer))
    apart = ((a.mean() - b.mean()).abs() / (a.var() / n + b.var() / n).sqrt()).item()
    if not apart < 5: raise AssertionError(f"under dropout the mean losses are {apart:.1f} "
                                           "standard errors apart")
    return apart


# ---- workers -----------------------------------------------------------------------------------
@dataclass
class Worker:
    "A contender in a process of its own, because memory settings belong to processes."
    name: str
    command: list
    seconds: list = field(default_factory=list)

    def __enter__(self):
        self.process = subprocess.Popen(self.command, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.ask("ready")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer: raise RuntimeError(f"{self.name}: its process ended")
        return json.loads(answer)

    def turn(self, n): self.seconds.append(self.ask(str(n)))


def serve(once, **answers):
    "Answers each line: a number with the mean seconds of so many calls, `word n` by that function."
    def ready(_): once()
    def timed(n):
        start = perf_counter()
        for _ in range(n): once()
        return (perf_counter() - start) / n
    for line in sys.stdin:
        *word, n = line.replace("ready", "ready 0").split()
        answer = {"ready": ready, **answers}[word[0]] if word else timed
        print(json.dumps(answer(int(n))), flush=True)


def ratios(peer: Worker, other: Worker) -> dict:
    "How many times as fast, turn by turn."
    found = [a / b for a, b in zip(peer.seconds, other.seconds)]
    return dict(ratio=median(found), ratio_min=min(found), ratio_max=max(found))


def peak(n=1024, tries=8) -> dict:  # name: 10^9 operations per second
    "Matrix products of both libraries, the best of some."
    from zth.gpt.fast import onednn_product
    a, b = torch.randn(n, n), torch.randn(n, n)
    ways = {"@": lambda: a @ b}
    if dnn := onednn_product(): ways["oneDNN"] = lambda: dnn(a, b, None, "none", [], "")
    found = {}
    for name, way in ways.items():
        spent = []
        for _ in range(tries):
            start = perf_counter()
            way()
            spent.append(perf_counter() - start)
        found[name] = 2 * n**3 / min(spent) / 1e9
    return found


def data_of():
    "The text of the chapter as numbers, and whether it is the canonical one."
    from zth.data import shakespeare
    text = shakespeare()
    ids = {c: i % VOCAB for i, c in enumerate(sorted(set(text)))}
    return torch.tensor([ids[c] for c in text[:200_000]]), text.canonical


def machine() -> dict:
    return dict(python=platform.python_version(), torch=torch.__version__,
                machine=platform.machine(), system=platform.system(), cores=os.cpu_count())


def parser(name, about) -> argparse.ArgumentParser:
    "The options that both benches have."
    p = argparse.ArgumentParser(prog=f"bench {name}", description=about)
    p.add_argument("--threads", type=int, nargs="+", metavar="N", default=[torch.get_num_threads()],
                   help="threads of everybody; of several numbers the largest (default: torch's "
                        "choice)")
    p.add_argument("--json", metavar="FILE", help="write all results to FILE")
    return p


def write_json(path, report):
    if path: Path(path).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
