"""What each part of a plain install takes on disk: `pertinence`, its dependencies, its embedded model."""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Report, Table, Target

__all__ = ["measure"]

ROOT = Path(__file__).parents[1]
OURS = ("packages/pertinence-mini", "shared_core")
MEGABYTE = 1_000_000
MOST = 230
# Smaller parts share a line.
SMALL = 1.0


def measure(asked: argparse.Namespace) -> Report:
    """The sizes in `--site-packages`, or in an environment made for this."""
    with _site_packages(asked.site_packages) as site:
        parts = sorted(_parts(site).items(), key=lambda part: -part[1])
        total = sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) / MEGABYTE
        torch = [name for name, _ in parts if name.split()[0] == "torch"]
    small = [(name, size) for name, size in parts if size < SMALL]
    rows = [[name, f"{size:.1f}"] for name, size in parts if size >= SMALL]
    rows.append([f"{len(small)} more, each under {SMALL:g} MB", f"{sum(size for _, size in small):.1f}"])
    rows.append(["what no distribution owns", f"{max(0.0, total - sum(size for _, size in parts)):.1f}"])
    rows.append(["total", f"{total:.1f}"])
    return Report(
        name="size",
        tables=[Table(title="site-packages, compiled bytecode included", columns=("part", "MB"), rows=rows)],
        targets=[
            Target(what="total", wanted=f"< {MOST} MB", got=f"{total:.0f} MB", met=total < MOST),
            Target(what="torch", wanted="absent", got=", ".join(torch) or "absent", met=not torch),
        ],
        notes=[
            "A megabyte is 1,000,000 bytes.",
            f"The smaller ones: {', '.join(name for name, _ in small) or 'none'}.",
        ],
        figures={"megabytes": dict(parts), "total": total},
    )


@contextmanager
def _site_packages(chosen: Path | None) -> Iterator[Path]:
    """The folder to look into; one that was made for this goes away again."""
    if chosen is not None:
        yield chosen
        return
    with TemporaryDirectory(prefix="pertinence-size-") as place:
        # Without pip, which is no part of what we ask for.
        venv.create(place, with_pip=False)
        python = Path(place) / "bin" / "python"
        paths = [f"./{path}" for path in OURS]
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        subprocess.run([*pip, "-c", "constraints.txt", *paths], cwd=ROOT, check=True)
        yield next(Path(place).glob("lib/python*/site-packages"))


def _parts(site: Path) -> dict[str, float]:
    """Megabytes inside `site` by distribution; scripts beside it are left out."""
    return {
        f"{each.name} {each.version}": _bytes(each, site) / MEGABYTE
        for each in distributions(path=[str(site)])
    }


def _bytes(distribution: Distribution, site: Path) -> int:
    files = (Path(str(file.locate())) for file in distribution.files or ())
    inside = {file.resolve() for file in files if site.resolve() in file.resolve().parents}
    return sum(file.stat().st_size for file in inside if file.is_file())
