"""Record what the tables of GPT-2, GPT-4 and GPT-4o hold, for 09_tokenizer/gpt.

    python book/runs/tok_tables.py

The log holds lines of the files, the lengths of the tokens, the growth of one token, the
lecture's examples, and how many hard texts we and tiktoken encode alike, so that the page can show
them where the tables themselves cannot be had.
"""

import json
import time

from zth.data import encoding, fetch
from zth.runs import RunLog
from zth.tokenizer.gpt import (
    GPT2Tokenizer,
    GPT4oTokenizer,
    GPT4Tokenizer,
    hard_texts,
    read_gpt2,
    recover_merges,
)

OURS = {"gpt2": GPT2Tokenizer, "cl100k_base": GPT4Tokenizer, "o200k_base": GPT4oTokenizer}
EXAMPLES = {
    "gpt2": ("Tokenization", " is", " at", " the", " ", "\n", "<|endoftext|>", "127", " 677",
             " 804", "Egg", " Egg", "egg", "EGG", "Hello, I'm a language model,",
             " SolidGoldMagikarp", "how's", "HOW'S", "안녕하세요"),
    "cl100k_base": ("안녕하세요", "hello how are you?", "안녕하세요 어떻게 지내세요?",
                    "hello123!!!? (안녕하세요!) 😉", "<|endoftext|>hello world"),
}  # fmt: skip


def recover_plain(ranks):
    "The merges of a table, by a loop that looks up all neighbours after each merge."
    merges = {}
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = [bytes([b]) for b in token]
        while len(parts) > 2:
            near = [ranks.get(a + b, rank) for a, b in zip(parts, parts[1:])]
            i = near.index(min(near))
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        if len(parts) == 2:
            merges[ranks[parts[0]], ranks[parts[1]]] = rank
    return merges


def growth(token, ranks):
    "The parts of a token after each merge, and the rank of what two neighbours would make."
    rank = ranks[token]
    older = {t: r for t, r in ranks.items() if r < rank}
    rows = [[bytes([b]) for b in token]]
    near = []
    while True:
        parts = rows[-1]
        near.append([older.get(a + b) for a, b in zip(parts, parts[1:])])
        if len(parts) == 2:
            break
        i = near[-1].index(min(r for r in near[-1] if r is not None))
        rows.append([*parts[:i], parts[i] + parts[i + 1], *parts[i + 2 :]])
    return [[p.hex() for p in parts] for parts in rows], near


def cuts(token, ranks):
    "The ways to cut a token into two older ones."
    rank = ranks[token]
    halves = ((token[:i], token[i:]) for i in range(1, len(token)))
    return [h for h in halves if all(ranks.get(part, rank) < rank for part in h)]


def beyond_ascii(token):
    "Whether a token is made of whole characters, and not all of them are ASCII."
    try:
        return not token.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False


def fastest(function, ranks, tries=3):
    "The shortest time of some tries, in seconds of the processor, and what the function returned."
    times = []
    for _ in range(tries):
        start = time.process_time()
        result = function(ranks)
        times.append(time.process_time() - start)
    return min(times), result


def record_table(log, name, enc):
    ranks = enc._mergeable_ranks
    kept, merges = fastest(recover_merges, ranks)
    plain, same = fastest(recover_plain, ranks)
    assert list(merges.items()) == list(same.items())
    lengths = [0] * (1 + max(map(len, ranks)))
    beyond = lengths.copy()
    for token in ranks:
        lengths[len(token)] += 1
        beyond[len(token)] += beyond_ascii(token)
    log.row(kind="table", table=name, entries=len(ranks), lengths=lengths, beyond=beyond,
            seconds=kept, seconds_plain=plain,
            ambiguous=sum(len(cuts(token, ranks)) > 1 for token in ranks),
            bytes=sorted(range(256), key=lambda b: ranks[bytes([b])]))  # fmt: skip
    ours, texts = OURS[name](), 20_000
    different = sum(
        ours.encode(t, allowed_special="all") != enc.encode(t, allowed_special="all")
        for t in hard_texts(texts, seed=1)
    )
    log.row(kind="equal", table=name, texts=texts, different=different)
    run = "a" * 10**6
    ids = ours.encode(run)
    log.row(kind="run", table=name, characters=len(run), tokens=len(ids),
            equal=ids == enc.encode(run))  # fmt: skip
    for text in EXAMPLES.get(name, ()):
        log.row(kind="ids", table=name, text=text, ids=enc.encode(text, allowed_special="all"))


def main():
    with RunLog("tok_tables", "python book/runs/tok_tables.py", seed=1) as log:
        lines = fetch("gpt2-vocab").read_text("utf-8").split("\n")
        log.row(kind="lines", table="gpt2", lines=lines[:8])
        lines = fetch("cl100k-base").read_text("utf-8").splitlines()
        log.row(kind="lines", table="cl100k_base", lines=lines[:4] + lines[-4:])
        ranks, pairs = read_gpt2(fetch("gpt2-vocab"), fetch("gpt2-encoder"))
        assert len(json.loads(fetch("gpt2-encoder").read_text("utf-8"))) == len(ranks) + 1
        agree = sum(pairs.get(pair) == i for pair, i in recover_merges(ranks).items())
        log.row(kind="pairs", table="gpt2", pairs=len(pairs), recovered=agree)
        ranks, token = encoding("cl100k_base")._mergeable_ranks, b" tokens"
        parts, near = growth(token, ranks)
        two = [[part.hex() for part in pair] for pair in cuts(token, ranks)]
        log.row(kind="grow", table="cl100k_base", rank=ranks[token], parts=parts, near=near,
                candidates=two)  # fmt: skip
        for name in OURS:
            record_table(log, name, encoding(name))


if __name__ == "__main__":
    main()
