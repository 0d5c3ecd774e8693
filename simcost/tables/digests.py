"""Files by their content."""

from hashlib import file_digest, sha256
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex; of a folder, that of the hashes and names of the files in it."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file())
        return sha256("".join(f"{sha256_of(file)}  {file.name}\n" for file in files).encode()).hexdigest()
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
