"""Training runs that are killed at random moments: is anything lost?

A small GPT with dropout trains on shuffled documents and saves every second step. It is killed
(SIGKILL, which a process cannot catch) after a random time, started again, and killed again, until
it is done. Then the next run begins in an empty folder. After each kill the last whole checkpoint
must be the one that was saved last; at the end of a run all losses and weights must be those of
a run that nobody has killed, to the last bit.

A run is forked from this process, which has imported PyTorch already, so a kill costs little.
`--log` writes the log that the book reads.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

PHASES = ("start", "load", "step", "save", "done")


class Board:
    "What a run is doing, in memory that it shares with the process that kills it."
    def __init__(self): self.memory = mmap.mmap(-1, 12)
    def write(self, phase, step, saved):
        self.memory[:] = struct.pack("3i", PHASES.index(phase), step, saved)
    def read(self):
        phase, step, saved = struct.unpack("3i", self.memory[:])
        return PHASES[phase], step, saved


# ---- a run ---------------------------------------------------------------------------------------
def shards():
    "Some thousand tokens in documents, which need no file."
    import numpy as np
    from zth.training.loader import Shards
    tokens = np.random.default_rng(1).integers(0, 60, 4000).astype(np.uint16)
    tokens[::53] = 60  # ends of text
    return Shards([tokens[:2500], tokens[2500:]], ["first", "second"])


def train(folder, steps, every, board=None):
    "Train, or continue; the losses of all steps, and a digest of the weights."
    import torch
    from zth.gpt2.model import GPT, GPTConfig
    from zth.training.loader import TokenLoader
    from zth.training.saving import RunFolder
    torch.set_num_threads(1)
    saved, say = 0, board.write if board else lambda *_: None
    say("start", 0, 0)
    torch.manual_seed(1337)
    model = GPT(GPTConfig(16, 64, 2, 2, 32, dropout=0.2))
    optimizer = model.configure_optimizers(0.1, 1e-2, (0.9, 0.95))
    loader = TokenLoader(shards(), 4, 16, seed=7, eot=60)
    losses = []
    with RunFolder(folder) as runs:
        if there := runs.latest():
            say("load", there.step, there.step)
            meta = runs.load(there, model, optimizer)
            loader.load_state_dict(meta["loader"])
            losses, saved = meta["losses"], there.step
        for step in range(len(losses), steps):
            say("step", step, saved)
            loss = model(*loader.next_batch())[1]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if (step + 1) % every == 0 or step + 1 == steps:
                say("save", step + 1, saved)
                runs.save(step + 1, model, optimizer, dict(loader=loader.state_dict(),
                                                           losses=losses))
                saved = step + 1
    digest = hashlib.sha256()
    for p in model.parameters(): digest.update(p.detach().numpy().tobytes())
    say("done", steps, saved)
    return losses, digest.hexdigest()


def fork(folder, steps, every, board):
    "The run in a process of its own: its number, and where it puts its result."
    result = Path(folder, "result.json")
    board.write("start", 0, 0)
    if pid := os.fork(): return pid, result
    try:  # from here on we are the child
        losses, digest = train(folder, steps, every, board)
        result.write_text(json.dumps(dict(losses=losses, digest=digest)))
        os._exit(0)
    finally:
        os._exit(1)


# ---- the kills -----------------------------------------------------------------------------------
def newest(folder):
    "The step of the last whole checkpoint, 0 for none; a damaged one is an error here."
    from zth.training.saving import RunFolder
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = RunFolder(folder).latest() if Path(folder).is_dir() else None
    return found.step if found else 0


def kill_one(folder, steps, every, board, after, before):
    "Start the run, kill it after some seconds: a row, or the result if it was done before."
    pid, result = fork(folder, steps, every, board)
    start = time.perf_counter()
    while (left := start + after - time.perf_counter()) > 0:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if status: raise AssertionError(f"a run ended with status {status}")
            return None, json.loads(result.read_text())
        time.sleep(min(left, 0.002))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):  # it was done in the last moment
        return None, json.loads(result.read_text())
    phase, step, saved = board.read()
    kept, saved = newest(folder), max(saved, before)  # what earlier lives saved is there, too
    if kept not in ((saved, step) if phase == "save" else (saved,)):
        raise AssertionError(f"{saved} was saved, step {step} was under way, and {kept} is left")
    half = any(p.name.endswith(".tmp") for p in Path(folder).glob(".step_*"))
    return dict(kind="kill", after=round(after, 4), phase=phase, step=step, saved=saved, kept=kept,
                half=half), None


def campaign(opts):
    "Yields a row for each kill and for each run that came to its end."
    rng, kills, run = random.Random(opts.seed), 0, 0
    board = Board()
    with tempfile.TemporaryDirectory() as home:
        # computed here: the runs inherit what that has imported, and start quickly
        losses, digest = train(Path(home, "reference"), opts.steps, opts.every)
        reference = dict(losses=losses, digest=digest)
        yield dict(kind="reference", steps=opts.steps, loss=reference["losses"][-1],
                   digest=reference["digest"])
        while kills < opts.kills:
            run, own, kept = run + 1, 0, 0
            folder = Path(home, f"run_{run}")
            while True:
                # after the last kill the run may finish
                after = rng.uniform(0, opts.within) if kills < opts.kills else 600
                row, result = kill_one(folder, opts.steps, opts.every, board, after, kept)
                if result: break
                kills, own, kept = kills + 1, own + 1, row["kept"]
                yield row | dict(run=run, kill=kills)
            yield dict(kind="run", run=run, kills=own, loss=result["losses"][-1],
                       equal=result == reference)


def main(
    args: list | None = None,  # command line; None: that of the process
) -> int:  # exit status: 0, 1 if something was lost, 2 for bad arguments
    "Kills, counts, and prints a table."
    p = argparse.ArgumentParser(prog="bench training_kills", description=__doc__.splitlines()[0])
    p.add_argument("--kills", type=int, default=20, help="how many in all (default 20)")
    p.add_argument("--within", type=float, default=0.5, help="seconds to a kill, at most (0.5)")
    p.add_argument("--steps", type=int, default=60, help="steps of a run (default 60)")
    p.add_argument("--every", type=int, default=2, help="steps between two saves (default 2)")
    p.add_argument("--seed", type=int, default=1337, help="of the moments (default 1337)")
    p.add_argument("--log", nargs="?", const="training_kills", metavar="NAME",
                   help="write a log of the book (default name: training_kills)")
    opts = p.parse_args(sys.argv[1:] if args is None else args)
    if min(opts.kills, opts.steps, opts.every) < 1 or opts.within <= 0:
        print("training_kills: needs at least 1 kill and step, and some time", file=sys.stderr)
        return 2
    if not hasattr(os, "fork"):
        print("training_kills: this system has no fork", file=sys.stderr)
        return 2
    from zth.runs import RunLog
    command = (f"python -m bench training_kills --kills {opts.kills} --within {opts.within:g} "
               f"--steps {opts.steps} --every {opts.every} --seed {opts.seed} --log")
    rows = []
    with RunLog(opts.log, command, opts.seed) if opts.log else nullcontext() as log:
        try:
            for row in campaign(opts):
                rows.append(row)
                if log: log.row(**row)
        except AssertionError as e:
            print(f"training_kills: {e}", file=sys.stderr)
            return 1
    kills = [r for r in rows if r["kind"] == "kill"]
    runs = [r for r in rows if r["kind"] == "run"]
    print(f"{len(kills)} kills: " + ", ".join(f"{n} in {phase}" for phase, n in
                                             Counter(r["phase"] for r in kills).most_common()))
    print(f"{sum(r['half'] for r in kills)} left a checkpoint half written; the last whole one was "
          "there each time")
    print(f"{sum(r['equal'] for r in runs)} of {len(runs)} runs ended as without kills, to the bit")
    return 0 if all(r["equal"] for r in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
