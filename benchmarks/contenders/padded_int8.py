"""As FlashRank does it: onnxruntime on dynamically quantised weights, all pairs in one padded batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from benchmarks.contenders.base import Contender
from benchmarks.machine import cores
from pertinence.scorer import Float32, sigmoid

__all__ = ["PaddedInt8", "opened"]

_FILE = "padded-int8.onnx"
_LONGEST = 512


class PaddedInt8(Contender[Sequence[str], Float32]):
    """One run of the session for whatever there is to score."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3
        settings.intra_op_num_threads = cores()
        self._session = onnxruntime.InferenceSession(
            str(folder / _FILE), settings, providers=["CPUExecutionProvider"]
        )
        pad = int(json.loads((folder / "config.json").read_text("utf-8")).get("pad_token_id") or 0)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.enable_padding(pad_id=pad, pad_token=self._tokenizer.id_to_token(pad))
        self._wanted = {item.name for item in self._session.get_inputs()}

    def documents(self, texts: Sequence[str]) -> Sequence[str]:
        """As they are."""
        return texts

    def run(self, query: str, documents: Sequence[str]) -> Float32:
        """Probabilities in input order."""
        return sigmoid(self._run(query, documents))

    def values(self, result: Float32) -> list[float]:
        """In input order already."""
        return [float(each) for each in result]

    def one_logits(self, query: str, documents: Sequence[str]) -> list[float]:
        """As the session gives them."""
        return self.values(self._run(query, documents))

    def _run(self, query: str, documents: Sequence[str]) -> Float32:
        encoded = self._tokenizer.encode_batch([(query, text) for text in documents])
        feed = {
            "input_ids": np.array([each.ids for each in encoded], dtype=np.int64),
            "attention_mask": np.array([each.attention_mask for each in encoded], dtype=np.int64),
            "token_type_ids": np.array([each.type_ids for each in encoded], dtype=np.int64),
        }
        outputs = self._session.run(None, {name: feed[name] for name in feed if name in self._wanted})
        logits: Float32 = np.asarray(outputs[0], dtype=np.float32).reshape(len(documents))
        return logits


def opened(folder: str, ours: str | None) -> PaddedInt8:
    """The float32 weights of `folder`, quantised there the first time; `ours` is for us."""
    place = Path(folder)
    if not (place / _FILE).exists():
        _quantise(place)
    return PaddedInt8(place)


def _quantise(folder: Path) -> None:
    # Imported here because the process that measures only reads what they made.
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModelForSequenceClassification

    network = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    example = torch.full((2, 7), 5)
    inputs = {"input_ids": example, "attention_mask": torch.ones_like(example)}
    if network.config.type_vocab_size > 1:
        inputs["token_type_ids"] = torch.zeros_like(example)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        network,
        (),
        kwargs=inputs,
        dynamo=True,
        dynamic_shapes=dict.fromkeys(inputs, free),
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    # Shapes that the exporter noted: the quantiser finds its own, and refuses any that differ.
    del model.graph.value_info[:]
    quantize_dynamic(model, folder / _FILE, weight_type=QuantType.QInt8)
