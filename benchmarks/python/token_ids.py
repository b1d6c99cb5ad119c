"""Prints the token ids of texts: token_ids.py FOLDER TEXTS.jsonl > IDS.jsonl"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(str(Path(sys.argv[1]) / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(512)
for line in Path(sys.argv[2]).read_text().splitlines():
    inputs = json.loads(line)["inputs"]
    for text in inputs if isinstance(inputs, list) else [inputs]:
        print(json.dumps({"ids": tokenizer.encode(text).ids}))
