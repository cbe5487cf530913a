"""Record what the tables of GPT-2 and GPT-4 make of the passages on the page 09_tokenizer/show.

    python book/runs/tok_show.py

The log holds, for each table and each passage, the ids and the bytes of the tokens, so that the
page can show them where the tables themselves cannot be had.
"""

from zth.data import encoding
from zth.runs import RunLog

PASSAGES = {
    "english": "Tokenization is at the root of many oddities. We meet them on the way.",
    "cell": ".DefaultCellStyle",
    "eggs": "Egg.\nI have an Egg.\negg.\nEGG.",
    "numbers": "127 + 677 = 804\n1275 + 6773 = 8048",
    "greeting": "Hello, how are you?",
    "korean": "안녕하세요",
    "python": 'for i in range(1, 4):\n    if i % 2:\n        print("odd")',
}


def main():
    with RunLog("tok_show", "python book/runs/tok_show.py", seed=0) as log:
        for table in ("gpt2", "cl100k_base"):
            enc = encoding(table)
            for name, text in PASSAGES.items():
                ids = enc.encode(text)
                pieces = [enc.decode_single_token_bytes(i).hex() for i in ids]
                log.row(table=table, name=name, text=text, ids=ids, pieces=pieces)


if __name__ == "__main__":
    main()
