"""Encoding with GPT-4's table on one thread: ours, tiktoken, Hugging Face, and others from PyPI.

Everybody encodes the same text in a process of their own, and the ids of all have to be equal
before anything is timed. Then they take turns: in each turn a contender is made afresh, warms up on
another short text, and encodes the text as *unseen*; then it encodes it again, *warm*. Those that
are slow take fewer turns, and the plainest a part of the text, whose time is scaled. *Cold* is the
time from the start of a process to its first ids. What is timed is the time of the
processor, in all threads of a process, so that other programs on the machine count less; cold is by
the clock.

The text is made from what every machine has: tiny Shakespeare, and the documentation and sources of
Python and of the installed packages, in the order of their names. So it differs between
installations; its size and checksum are in the log. Peers that are not installed are left out; with
`--peers-python` they may live in an environment of their own. `--log` writes the log that the
chapter reads. With `--tricks` ours runs against itself, without one of its tricks at a time; that
log is `tokenizer_tricks`.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parents[1]
GREETING = "Hello, it's 9 o'clock.\n"
WARMING = (GREETING + "for i in range(10): print(i)  # naïve Größe\n\n") * 200
# the pattern in the dialect of Hugging Face's library: no possessive quantifiers
HF_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
              r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")


# ---- the contenders, each made in a process of its own -------------------------------------------
def ranks(path):
    "A file of tiktoken's as a dictionary."
    from base64 import b64decode
    lines = Path(path).read_bytes().splitlines()
    return {b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}


def make_ours(path):
    from zth.tokenizer.fast_encoding import FastTokenizer
    tokenizer = readable(path)
    return lambda: both(FastTokenizer(tokenizer), "encode_ordinary", "encode_array")


def make_dictionary(path):
    from zth.tokenizer.fast_encoding import FastTokenizer
    tokenizer = readable(path)
    return lambda: both(FastTokenizer(tokenizer, use_numba=False), "encode_ordinary")


def make_merges(path):
    "The dictionary in plain Python, with compiled merges."
    from zth.tokenizer import fast_encoding as f
    tokenizer = readable(path)
    of_byte, pairs = f.FastTokenizer(tokenizer).tables
    def merged(data):
        import numpy as np
        ids = of_byte[np.frombuffer(data, np.uint8)]
        long = len(ids) > f.LONG
        n = (f.merge_long(ids, pairs) if long
             else f.merge_short(ids, np.empty_like(ids), len(ids), pairs))
        return ids[:n].tolist()
    tokenizer._encode_bytes = merged
    return lambda: both(f.FastTokenizer(tokenizer, use_numba=False), "encode_ordinary")


def make_readable(path):
    tokenizer = readable(path)
    return lambda: both(tokenizer, "encode_ordinary")


def readable(path):
    from zth.tokenizer.gpt import RanksTokenizer
    from zth.tokenizer.split import GPT4_SPLIT_PATTERN
    return RanksTokenizer(ranks(path), GPT4_SPLIT_PATTERN, {})


def make_tiktoken(path):
    import tiktoken
    return lambda: both(tiktoken.get_encoding("cl100k_base"), "encode_ordinary")


def make_huggingface(path):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from zth.tokenizer.gpt import recover_merges
    table = ranks(path)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {b: chr(b) for b in printable}
    for b in range(256): names.setdefault(b, chr(256 + len(names) - len(printable)))
    spell = {i: "".join(names[b] for b in token) for token, i in table.items()}
    pairs = [(spell[left], spell[right]) for left, right in recover_merges(table)]
    tokenizer = Tokenizer(models.BPE({name: i for i, name in spell.items()}, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(HF_PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return lambda: {"list": lambda text: tokenizer.encode(text, add_special_tokens=False).ids}


def make_bpe_openai(path):
    from bpe_openai._bindings import tokenizer_for_encoding  # the wrapper refuses long texts
    return lambda: both(tokenizer_for_encoding("cl100k_base"), "encode")


def make_riptoken(path):
    import riptoken
    from tiktoken_ext.openai_public import cl100k_base
    pattern, table = cl100k_base()["pat_str"], ranks(path)
    return lambda: both(riptoken.CoreBPE(table, {}, pattern), "encode_ordinary")


def make_wordchipper(path):
    # it looks for the table in its own folder, and would fetch it otherwise
    folder = Path(tempfile.mkdtemp())
    (folder / "openai/cl100k_base").mkdir(parents=True)
    (folder / "openai/cl100k_base/cl100k_base.tiktoken").write_bytes(Path(path).read_bytes())
    os.environ["WORDCHIPPER_CACHE_DIR"] = str(folder)
    from wordchipper import Tokenizer, TokenizerOptions
    options = TokenizerOptions.default()
    options.set_parallel(False)
    options.set_accelerated_lexers(True)
    return lambda: both(Tokenizer.from_pretrained("cl100k_base", options), "encode")


def make_quicktok(path):
    import quicktok
    def make():
        enc = quicktok.get_encoding("cl100k_base")
        return {"list": enc.encode_ordinary, "array": lambda text: enc.encode_batch([text])[0]}
    return make


def make_gigatoken(path):
    import gigatoken
    def make():
        return {"array": gigatoken.Tokenizer.from_tiktoken(path, "cl100k", {}).encode}
    return make


def both(tokenizer, as_list, as_array=None):
    "The ways to encode that a contender has."
    ways = {"list": getattr(tokenizer, as_list)}
    return {**ways, "array": getattr(tokenizer, as_array)} if as_array else ways


# name: how it is made, its package, how many turns it takes at most, its share of the text
CONTENDERS = {"tiktoken": (make_tiktoken, "tiktoken", 99, 1), "ours": (make_ours, "zth", 99, 1),
              "dictionary": (make_dictionary, "zth", 3, 1),
              "merges": (make_merges, "zth", 3, 1), "readable": (make_readable, "zth", 1, 32),
              "Hugging Face": (make_huggingface, "tokenizers", 1, 1),
              "bpe-openai": (make_bpe_openai, "bpe-openai", 99, 1),
              "riptoken": (make_riptoken, "riptoken", 99, 1),
              "wordchipper": (make_wordchipper, "wordchipper", 99, 1),
              "quicktok": (make_quicktok, "quicktok-v1", 99, 1),
              "gigatoken": (make_gigatoken, "gigatoken", 99, 1)}
HERE = "tiktoken", "ours", "dictionary", "merges", "readable", "Hugging Face"  # this interpreter


# ---- ours without one of its tricks --------------------------------------------------------------
def no_memory(split, encoding): encoding.KEPT = 0


def by_regex(split, encoding): split.rules_of = lambda pattern: None


def by_loops(split, encoding):
    def batches(data, size, pattern):
        import numpy as np
        start, room = 0, np.empty(split.ROOM, np.int64)
        kinds = split.kinds_of(data[:size], split.class_table())
        while start < size:
            n = split.next_ends(split.CL100K, data, kinds, start, room)
            yield start, room[:n]
            start = int(room[n - 1])
    encoding.end_batches = batches


def eight_bytes(split, encoding): encoding.INLINE = 8


def counted_ids(split, encoding):
    U = encoding.U
    def put(out, place, two, about):
        for k in range(min(about >> U(8) & U(0xFF), U(3))):
            id = two if k == 0 else two >> U(32) if k == 1 else about >> U(32)
            out[place + U(k)] = id
    encoding.put = split.compiled(put)


def one_batch(split, encoding): split.ROOM = 1 << 24


TRICKS = {"without a memory of chunks": no_memory, "split by the regular expression": by_regex,
          "split by loops": by_loops, "eight bytes in a row": eight_bytes,
          "ids one by one": counted_ids, "all chunks in one batch": one_batch}


def make_without(trick):
    "Ours without a trick; what is compiled has to be compiled anew, in a folder of its own."
    def make(path):
        from zth.tokenizer import fast_encoding, fast_split
        TRICKS[trick](fast_split, fast_encoding)
        tokenizer = readable(path)
        return lambda: {"array": fast_encoding.FastTokenizer(tokenizer).encode_array}
    return make


CONTENDERS.update({trick: (make_without(trick), "zth", 99, 1) for trick in TRICKS})


# ---- a contender's process -----------------------------------------------------------------------
def worker(name, table, text_path):
    "Answers one line of JSON for each line that it reads."
    make, package, _, share = CONTENDERS[name]
    def say(**answer): print(json.dumps(answer), flush=True)
    try:
        make = make(table)
        next(iter(make().values()))(GREETING)
    except Exception as e: return say(error=f"{type(e).__name__}: {e}")
    from importlib.metadata import PackageNotFoundError, version
    try: found = version(package)
    except PackageNotFoundError: found = "?"
    say(version=found)
    whole = Path(text_path).read_text(encoding="utf-8")
    text = whole[:len(whole) // share]
    for line in sys.stdin:
        task, form = line.split()
        ways = make()
        if task == "forms": say(forms=list(ways))
        elif task == "ids":  # of the text that everybody encodes
            from array import array
            ids = array("I", map(int, ways[form](whole[:len(whole) // 32] if share > 1 else whole)))
            say(ids=hashlib.sha256(ids.tobytes()).hexdigest(), tokens=len(ids))
        else:
            encode, seconds = ways[form], {}
            encode(WARMING)
            for state in ("unseen", "warm"):
                start = process_time()
                encode(text)
                seconds[state] = (process_time() - start) * len(whole) / len(text)
            say(**seconds)


class Worker:
    "A contender in its process."
    def __init__(self, name, python, table, text_path):
        env = {**os.environ, "PYTHONPATH": str(ROOT), "RAYON_NUM_THREADS": "1",
               "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUTF8": "1"}
        self.cache = tempfile.TemporaryDirectory()
        if name in TRICKS: env["NUMBA_CACHE_DIR"] = self.cache.name
        command = [python, str(Path(__file__)), "--worker", name, str(table), str(text_path)]
        start = perf_counter()
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, env=env,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.name, answer = name, self.read()
        self.cold, self.error = perf_counter() - start, answer.get("error")
        self.version = answer.get("version")

    def read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "its process ended"}

    def ask(self, task, form):
        self.process.stdin.write(f"{task} {form}\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.cache.cleanup()


# ---- the text ------------------------------------------------------------------------------------
def build_text(megabytes):
    "Tiny Shakespeare, then documentation and sources, a file of each in turn, and what it is."
    import sysconfig
    from pydoc_data import topics
    from zth.data import shakespeare
    paths = sysconfig.get_paths()
    def files(folder, *ends):
        return iter(sorted(p for p in Path(folder).rglob("*") if p.name.endswith(ends)))
    groups = [files(paths["purelib"], ".md", ".rst", "METADATA"), files(paths["stdlib"], ".py")]
    groups.append(files(paths["purelib"], ".py"))
    parts = [str(shakespeare()), *(topics.topics[k] for k in sorted(topics.topics))]
    size = sum(len(p.encode()) for p in parts)
    while groups and size < megabytes * 10**6:
        for group in list(groups):
            path = next(group, None)
            if path is None: groups.remove(group)
            elif path.is_file() and path.stat().st_size < 200_000:
                try: parts.append(path.read_text(encoding="utf-8"))
                except (OSError, ValueError): continue
                size += len(parts[-1].encode())
    text = "".join(parts).replace("\r\n", "\n").encode()[:int(megabytes * 10**6)]
    return text.decode("utf-8", "ignore").rstrip() + ".", (
        "tiny Shakespeare, Python's documentation, and the documentation and sources of Python and "
        "of installed packages")


# ---- the race ------------------------------------------------------------------------------------
def compile_time():
    "Seconds until the first ids of ours with nothing compiled before, and with all of it kept."
    code = ("from zth.tokenizer.fast_encoding import FastTokenizer as F; "
            "from zth.tokenizer.special import RegexTokenizer as R\n"
            "F(R()).encode('a' * 200 + ' b')")
    times = []
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": folder}
        for _ in range(2):
            start = perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=env)
            times.append(perf_counter() - start)
    return times


def race(log, text, what, table, peers_python, rounds, only=None):
    "Equal ids first, then turns; every measurement is a row of the log."
    data = text.encode()
    log.row(kind="text", bytes=len(data), what=what)
    first, later = compile_time()
    log.row(kind="compile", seconds=first - later)
    with tempfile.TemporaryDirectory() as folder:
        path, workers = Path(folder) / "text.txt", []
        path.write_bytes(data)
        try:
            for name in CONTENDERS:
                if name not in only if only else name in TRICKS: continue
                python = sys.executable if name in {*HERE, *TRICKS} else peers_python
                w = Worker(name, python, table, path)
                workers.append(w)
                if w.error: log.row(kind="absent", who=name, why=w.error)
                else: log.row(kind="cold", who=name, seconds=w.cold, version=w.version)
            workers = [w for w in workers if not w.error]
            take_part(log, workers, text)
            for k in range(rounds):
                for w in workers:
                    for form in w.forms if k < CONTENDERS[w.name][2] else ():
                        for state, seconds in w.ask("turn", form).items():
                            log.row(kind="turn", who=w.name, state=state, form=form, round=k,
                                    seconds=seconds)
        finally:
            for w in workers: w.close()


def take_part(log, workers, text):
    "Everybody's ids have to be tiktoken's; whoever has others is told apart and left out."
    import tiktoken
    from array import array
    enc = tiktoken.get_encoding("cl100k_base")
    def told(text):
        return hashlib.sha256(array("I", enc.encode_ordinary(text)).tobytes()).hexdigest()
    want = {1: told(text), 32: told(text[:len(text) // 32])}
    for w in list(workers):
        w.forms = w.ask("forms", "-")["forms"]
        for form in w.forms:
            answer = w.ask("ids", form)
            if answer.get("ids") != want[CONTENDERS[w.name][3]]:
                why = answer.get("error", "its ids differ from tiktoken's")
                if w.name in {*HERE, *TRICKS}: raise AssertionError(f"{w.name} is left out: {why}")
                log.row(kind="absent", who=w.name, why=why)
                workers.remove(w)
                w.close()
                break


class Shown(list):
    "Rows that are kept in memory, for a race without a log."
    def row(self, **values): self.append(values)


def table_of(rows):
    "The results, for reading."
    size = next(r["bytes"] for r in rows if r["kind"] == "text") / 1e6
    found = {}
    for r in rows:
        if r["kind"] != "turn": continue
        by = found.setdefault((r["who"], r["form"]), {})
        by.setdefault(r["state"], {})[r["round"]] = r["seconds"]
    base = found["tiktoken", "list"]
    lines = [f"{'':22}{'unseen':>8}{'warm':>8} MB/s {'times tiktoken':>18}"]
    for (who, form), by in sorted(found.items(), key=lambda x: median(x[1]["warm"].values())):
        ratio = {s: median(base[s][k] / by[s][k] for k in by[s]) for s in by}
        rate = {s: size / median(by[s].values()) for s in by}
        lines.append(f"{who + ', ' + form:22}{rate['unseen']:8.1f}{rate['warm']:8.1f}      "
                     f"{ratio['unseen']:9.2f}{ratio['warm']:9.2f}")
    lines += [f"{r['who']} is left out: {r['why']}" for r in rows if r["kind"] == "absent"]
    return "\n".join(lines)


def main(args=None) -> int:  # exit status
    "Runs the race and prints its table."
    args = sys.argv[1:] if args is None else args
    p = argparse.ArgumentParser(prog="bench tokenizer_encode", description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=5, help="turns of each contender (default 5)")
    p.add_argument("--mb", type=float, default=16, help="size of the text (default 16)")
    p.add_argument("--peers-python", default=sys.executable, metavar="PYTHON",
                   help="the interpreter that has the peers (default: this one)")
    p.add_argument("--log", action="store_true", help="write book/runs/tokenizer_encode.jsonl")
    p.add_argument("--tricks", action="store_true",
                   help="race ours against itself without one trick at a time, in place of others")
    opts = p.parse_args(args)
    from zth.data import DataError, fetch
    try: table = Path(fetch("cl100k-base"))
    except (DataError, KeyError) as e:
        print(f"tokenizer_encode: needs GPT-4's table: {e}", file=sys.stderr)
        return 1
    text, what = build_text(opts.mb)
    settings = text, what, table, opts.peers_python, opts.rounds
    if opts.tricks: settings += ({"tiktoken", "ours", *TRICKS},)
    if not opts.log:
        race(log := Shown(), *settings)
        print(table_of(log))
        return 0
    from zth.runs import RunLog, read_log
    command = f"python -m bench tokenizer_encode --log --rounds {opts.rounds} --mb {opts.mb:g}"
    name = "tokenizer_tricks" if opts.tricks else "tokenizer_encode"
    command += " --tricks" if opts.tricks else ""
    checksum = hashlib.sha256(text.encode()).hexdigest()
    with RunLog(name, command, seed=0, data=checksum) as log: race(log, *settings)
    print(table_of(read_log(name).rows))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]: worker(*sys.argv[2:])
    else: sys.exit(main())
