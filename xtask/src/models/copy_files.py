"""Copies files into a folder and prints the SHA-256 of each, or `missing`.

Arguments: the folder; the wheel or folder to copy from, empty if nothing is to be copied; the path inside it; the files.
"""

import hashlib
import pathlib
import sys
import zipfile

folder, source, inside, *names = sys.argv[1:]
origin = zipfile.Path(source, f"{inside}/") if source.endswith(".whl") else pathlib.Path(source, inside)

for name in names:
    file = pathlib.Path(folder, name)
    if source and (origin / name).is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((origin / name).read_bytes())
    print(hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "missing")
