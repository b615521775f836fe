"""What benchmarks rest on: worker processes, texts of exact lengths, counted work, a page that is written."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from benchmarks import __main__ as command
from benchmarks import engines
from benchmarks.__main__ import TABLES
from benchmarks.clock import Times, taking_turns
from benchmarks.docs import PAGE, replaced, write_docs
from benchmarks.machine import BusyError
from benchmarks.processes import Worker, WorkerError
from benchmarks.products import FLOPS
from benchmarks.report import Report, Table
from tokenizers import Tokenizer

from pertinence.local.machine.processor import Processor

TOY = "tests.workspace.toy_contender"


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(TOY) as worker:
        yield worker


def test_a_worker_answers_from_a_process_of_its_own_whatever_libraries_print(worker: Worker) -> None:
    worker.call("take", work="texts", queries=[["query", ["one", "three"]], ["other", ["seven"]]])
    assert worker.stopwatch("score", work="texts")() > 0
    assert worker.call("probabilities", work="texts") == [[0.3, 0.5], [0.5]]
    assert worker.call("logits", work="texts") is None
    assert worker.process != os.getpid()
    assert worker.peak_memory() > 0 or sys.platform != "linux"


def test_what_fails_in_a_worker_is_told_and_the_worker_goes_on(worker: Worker) -> None:
    worker.call("take", work="bad", queries=[["fail", ["text"]]])
    with pytest.raises(WorkerError, match=r"^ValueError: as it was asked to$"):
        worker.call("score", work="bad")
    worker.call("take", work="good", queries=[["query", ["text"]]])
    assert worker.call("score", work="good") > 0


def test_a_worker_that_dies_says_with_what(worker: Worker) -> None:
    worker.call("take", work="last", queries=[["die", ["text"]]])
    with pytest.raises(WorkerError, match="ended with 3: a library that prints"):
        worker.call("score", work="last")


def test_an_engine_that_cannot_be_opened_says_why_in_one_line() -> None:
    with pytest.raises(WorkerError, match=r"^LookupError: no such engine$"):
        Worker(TOY, fail=True)


def test_each_round_begins_with_another_and_the_first_is_not_counted() -> None:
    ran: list[str] = []

    def contender(name: str) -> Callable[[], float]:
        def run() -> float:
            ran.append(name)
            return float(len(ran))

        return run

    race = taking_turns({name: contender(name) for name in "abc"}, rounds=3)
    assert "".join(ran) == "cab" + "abc" + "bca" + "cab"
    assert race.times["a"].seconds == [4.0, 9.0, 11.0]


def test_ratios_are_taken_round_by_round() -> None:
    assert Times([1.0, 2.0]).ratios(Times([3.0, 8.0])) == [3.0, 4.0]


def test_the_work_of_an_encoder_is_what_torch_counts(model_folder: Callable[[str], Path]) -> None:
    torch = pytest.importorskip("torch")
    import transformers
    from benchmarks.flops import Sizes
    from torch.utils.flop_counter import FlopCounterMode

    from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer

    network = transformers.AutoModelForSequenceClassification.from_pretrained(
        model_folder("tiny"), attn_implementation="eager"
    )
    sizes = Sizes.of(network.config.to_dict())
    head = 2 * sizes.hidden**2 + 2 * sizes.hidden

    def counted(lengths: list[int]) -> int:
        total = 0
        for length in lengths:
            with FlopCounterMode(display=False) as counter, torch.inference_mode():
                network(input_ids=torch.full((1, length), 7))
            total += counter.get_total_flops() - head
        return total

    assert sizes.flops([9, 30]) == counted([9, 30])
    assert use_first_token_layer(network)
    assert sizes.least_flops([9, 30]) == counted([9, 30])


def test_pairs_of_one_length_have_just_that_length_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.texts import even

    monkeypatch.delenv("PERTINENCE_DATA", raising=False)  # The small corpus must do as well.
    folder = files("pertinence_mini") / "model"
    tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for length in (16, 64):
        work = even(tokenizer, 600, length)
        ((_, texts),) = work.queries
        assert len(set(texts)) == work.pairs == 600
        assert set(work.lengths(tokenizer, most=512)) == {length}


def test_tables_are_taken_by_name_and_all_of_them_if_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def find(name: str) -> Any:
        measured.append(name)
        raise BusyError("that will do")

    monkeypatch.setattr(command, "import_module", find)
    for asked in ([], ["load"]):
        assert command.main([*asked, "--anyway"]) == 2
    assert measured == ["benchmarks.size", "benchmarks.load"]
    with pytest.raises(SystemExit):
        command.main(["nonsense"])


def test_every_table_has_its_block_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in TABLES:
        assert replaced(page, name, "") != page, name


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_asked_for(name: str) -> None:
    """Here nothing is timed, but what a table imports must still exist."""
    if name == "quality":
        pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    assert callable(import_module(f"benchmarks.{name}").measure)


def test_quality_is_judged_in_the_order_of_the_scores() -> None:
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    from benchmarks.engines import PREDICT
    from benchmarks.machine import Use
    from benchmarks.quality import FIRST_STAGE, Reranked

    from pertinence.evaluation.collection import Candidates, Collection, TextsInMemory

    passages = {name: f"text of {name}" for name in "abc"}
    data = Collection(
        name="set",
        digest="",
        queries={"q": "question", "r": "question"},
        qrels={"q": {"b": 1}, "r": {"a": 1}},
        corpus=TextsInMemory("texts", passages),
    )
    found = Reranked(
        data=data,
        asked=[Candidates(query=query, passages=("a", "b", "c")) for query in "qr"],
        times={},
        scores={
            PREDICT.name: [[0.1, 0.9, 0.2], [0.3, 0.3, 0.1]],
            "other": [[0.9, 0.1, 0.2], [0.1, 0.2, 0.3]],
        },
        use=Use(),
    )
    assert found.ndcg(PREDICT.name) == 1
    assert found.ndcg(FIRST_STAGE) == pytest.approx((1 / math.log2(3) + 1) / 2)
    assert found.ndcg("other") == pytest.approx(1 / math.log2(4))


def test_a_block_is_replaced_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    before, after = "# Page\n\nof mine\n\n", "\n\n<!-- end of speedy -->\n"
    page.write_text(f"{before}<!-- speed: written by the command -->\nold\n<!-- end of speed -->{after}")
    report = Report(
        name="speed",
        tables=[Table(title="title", columns=("who", "how fast"), rows=[("ours", "5.0")])],
        notes=["in a hurry"],
        pictures={"dots.svg": "<svg/>"},
        captions={"dots.svg": "dots"},
    )
    write_docs(report, ["speed", "--write-docs"], page)
    written = page.read_text(encoding="utf-8")
    assert written.startswith(before)
    assert written.endswith(f"<!-- end of speed -->{after}")
    assert "old" not in written
    for part in (
        "![dots](dots.svg)",
        "| ours |      5.0 |",
        "- in a hurry",
        "`nox -s bench -- speed --write-docs`",
    ):
        assert part in written
    assert (tmp_path / "dots.svg").read_text(encoding="utf-8") == "<svg/>"
    write_docs(report, ["speed", "--write-docs"], page)
    assert page.read_text(encoding="utf-8") == written


def test_a_page_without_the_block_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    with pytest.raises(ValueError, match="no block"):
        write_docs(Report(name="speed", tables=[]), [], page)
    assert page.read_text(encoding="utf-8") == "# Page\n"


def test_the_plot_names_every_engine_and_is_the_same_for_the_same_figures() -> None:
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    from benchmarks.plot import Dot, quality_against_speed

    dots = [Dot(name=f"engine {n}", speed=20.0 * n, quality=0.76, ours=n > 1) for n in (1, 2, 7)]
    picture = quality_against_speed(dots, "BM25", 0.74)
    shown = "".join(ElementTree.fromstring(picture).itertext())
    for name in ("engine 1", "engine 2", "engine 7", "BM25", "nDCG@10", "pairs per second"):
        assert name in shown
    assert quality_against_speed(dots, "BM25", 0.74) == picture


def test_what_was_not_measured_is_a_missed_target() -> None:
    from benchmarks.compare import Measured, Scored, targets
    from benchmarks.engines import OURS, PREDICT
    from benchmarks.machine import Use

    same, torch = Scored([[0.2, 0.7]], [[-1.0, 1.0]]), OURS[0]
    measured = Measured(
        model="camembert-L2",
        trained=False,
        work="texts",
        pairs=2,
        tokens=20,
        flops=6 * FLOPS,
        least_flops=4 * FLOPS,
        engines={PREDICT.name: PREDICT, torch.name: torch},
        kernels={PREDICT.name: ("torch", "float32"), torch.name: ("torch", "float32")},
        # The second product was disturbed: no peak.
        times={
            PREDICT.name: Times([36.0, 36.0]),
            torch.name: Times([6.0, 6.0]),
            "torch float32": Times([1.2, 9.9]),
        },
        memory={PREDICT.name: 1, torch.name: 1},
        scores={PREDICT.name: same, torch.name: same},
        rounds=2,
        use=Use(),
    )
    assert measured.faster(torch.name) == 6
    assert measured.of_peak(torch.name) == pytest.approx(0.8)
    assert {each.what.partition(", ")[2]: (each.got, each.met) for each in targets(measured)} == {
        "identical scores: times predict": ("6.00 (ours, torch float32)", True),
        "any precision: times predict": ("6.00 (ours, torch float32)", False),
        "onnxruntime alone, identical scores: times predict": ("not measured", False),
        "onnxruntime alone, any precision: times predict": ("not measured", False),
        "float32: share of its runtime's own product": ("80% (ours, torch float32)", True),
        "bfloat16: share of its runtime's own product": ("not measured", False),
    }


def test_an_engine_whose_precision_the_processor_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures would be those of another precision, or of an imitation."""
    older = Processor(name="older", instructions=("avx2", "fma"))
    monkeypatch.setattr(engines, "processor", lambda: older)
    lacking = {kernel for engine in engines.ENGINES if (kernel := engine.kernel) and engines._lacking(kernel)}
    assert lacking == {("torch", "bfloat16"), ("openvino", "bfloat16"), ("openvino", "int8")}
