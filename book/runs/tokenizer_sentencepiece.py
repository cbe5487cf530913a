"""Record what the library sentencepiece learns and how it encodes: tokenizer_sentencepiece.jsonl.

Call `python book/runs/tokenizer_sentencepiece.py` in the root of the repository, in an environment
that has sentencepiece. The tests of `zth.tokenizer.sentencepiece` compare with this record always,
and with the library itself where it is installed.
"""

import io
import random
import sys
from pathlib import Path

import sentencepiece

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from zth.runs import RunLog  # noqa: E402
from zth.tokenizer.sentencepiece import LLAMA, TOY  # noqa: E402

# name: what differs from the settings of Llama 2
TRIALS = {
    "Llama 2": {},
    "no bytes": dict(byte_fallback=False, vocab_size=190),
    "coverage 0.98": dict(character_coverage=0.98),
    "no dummy prefix": dict(add_dummy_prefix=False),
    "mixed scripts, whole numbers": dict(split_by_unicode_script=False, split_digits=False),
}
TEXTS = [
    "", " ", "hello", " hello", "  two", "hello 안녕하세요", "안녕 QQ", "▁", "a\nb", "\t",
    "<s>x</s>", "<0x41>", "<unk>", "3.14159 and 2024", "don't", "naïve café", "e\u0301", "🤗",
    "\u200b", "в а", "これはであ", "1,000", "a" * 30, " " * 40, "th" * 20, "a\0b",
]


def train(text, **changes):
    "A processor trained on the lines of a text."
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()), model_writer=out, num_threads=1,
        minloglevel=2, **{**LLAMA, **changes})
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())


def random_texts(n, rng):
    "Half of them characters in any order, half of them cut from the training text."
    alphabet = [*sorted(set(TOY)), *"   ▁안é😀<>"]
    for _ in range(n // 2):
        yield "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 24)))
        start = rng.randrange(len(TOY))
        yield TOY[start:start + rng.randint(1, 40)]


def main():
    command = "python book/runs/tokenizer_sentencepiece.py"
    library = {"sentencepiece": sentencepiece.__version__}
    path = ROOT / "book/runs/tokenizer_sentencepiece.jsonl"
    with RunLog(path, command, seed=1, library=library) as log:
        for name, changes in TRIALS.items():
            sp = train(TOY, **changes)
            pieces = [sp.id_to_piece(i) for i in range(sp.vocab_size())]
            log.row(kind="trained", trial=name, changes=changes, pieces=pieces)
            for text in [*TEXTS, *random_texts(60, random.Random(1))]:
                ids = sp.encode(text)
                log.row(kind="encoded", trial=name, text=text, ids=ids, decoded=sp.decode(ids))


if __name__ == "__main__":
    main()
