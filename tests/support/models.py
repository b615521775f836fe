"""Random-weight model folders in the exact architecture of real rerankers, with tokenizers of their kind.

Weights are drawn wider than a fresh model's, so that scores differ enough for a comparison to mean
something. They prove parity and serve for speed; of quality they say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from support.texts import WORDS

__all__ = ["SHAPES", "Shape", "build"]

_BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_ROBERTA_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One architecture: transformers' model type, its sizes and the tokenizer its family has."""

    model_type: str
    architecture: str
    tokenizer: Callable[[], Tokenizer]
    sizes: dict[str, Any] = field(default_factory=dict)
    pad_token_id: int = 0
    max_length: int = 512


def _word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=_BERT_SPECIALS, show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def _sentence_piece() -> Tokenizer:
    """The unigram model of CamemBERT and XLM-R, with the double separator between query and passage."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=400, special_tokens=_ROBERTA_SPECIALS, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer


_ROBERTA = {
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_MINILM = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}

SHAPES = {
    # antoinelouis/crossencoder-camembert-base-mmarcoFR
    "camembert-base": Shape(
        model_type="camembert",
        architecture="CamembertForSequenceClassification",
        tokenizer=_sentence_piece,
        sizes={"num_hidden_layers": 12, **_ROBERTA},
        pad_token_id=1,
    ),
    # antoinelouis/crossencoder-camembert-L2-mmarcoFR
    "camembert-L2": Shape(
        model_type="camembert",
        architecture="CamembertForSequenceClassification",
        tokenizer=_sentence_piece,
        sizes={"num_hidden_layers": 2, **_ROBERTA},
        pad_token_id=1,
    ),
    # antoinelouis/crossencoder-mMiniLMv2-L6-mmarcoFR
    "mminilm-L6": Shape(
        model_type="xlm-roberta",
        architecture="XLMRobertaForSequenceClassification",
        tokenizer=_sentence_piece,
        sizes={"num_hidden_layers": 6, **_MINILM, **_ROBERTA},
        pad_token_id=1,
    ),
    # cross-encoder/ms-marco-MiniLM-L6-v2
    "bert-minilm-L6": Shape(
        model_type="bert",
        architecture="BertForSequenceClassification",
        tokenizer=_word_piece,
        sizes={"num_hidden_layers": 6, **_MINILM, "max_position_embeddings": 512, "type_vocab_size": 2},
    ),
    # antoinelouis/crossencoder-electra-base-french-mmarcoFR, two of its twelve layers
    "electra-L2": Shape(
        model_type="electra",
        architecture="ElectraForSequenceClassification",
        tokenizer=_word_piece,
        sizes={
            "num_hidden_layers": 2,
            "hidden_size": 768,
            "embedding_size": 768,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
        },
    ),
    # Alibaba-NLP/gte-multilingual-reranker-base, two of its twelve layers; `support.gte` makes it legacy
    "gte-L2": Shape(
        model_type="gte",
        architecture="GteForSequenceClassification",
        tokenizer=_sentence_piece,
        sizes={
            "num_hidden_layers": 2,
            "type_vocab_size": 1,
            "max_position_embeddings": 8192,
            "rope_parameters": {"rope_type": "linear", "rope_theta": 160_000.0, "factor": 8 ** (2 / 64)},
        },
        pad_token_id=1,
        max_length=8192,
    ),
    # BAAI/bge-reranker-v2-m3, two of its twenty-four layers
    "bge-m3-L2": Shape(
        model_type="xlm-roberta",
        architecture="XLMRobertaForSequenceClassification",
        tokenizer=_sentence_piece,
        sizes={
            "num_hidden_layers": 2,
            "hidden_size": 1024,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            **_ROBERTA,
            "max_position_embeddings": 8194,
        },
        pad_token_id=1,
        max_length=8192,
    ),
    # Lajavaness/bilingual-embedding-base, two of its twelve layers
    "bilingual-L2": Shape(
        model_type="xlm-roberta",
        architecture="XLMRobertaModel",
        tokenizer=_sentence_piece,
        sizes={"num_hidden_layers": 2, **_ROBERTA},
        pad_token_id=1,
    ),
    # antoinelouis/crossencoder-distilcamembert-mmarcoFR is a CamemBERT of six layers; this is its namesake
    "distilbert-L2": Shape(
        model_type="distilbert",
        architecture="DistilBertForSequenceClassification",
        tokenizer=_word_piece,
        sizes={"num_hidden_layers": 2, "max_position_embeddings": 512, "type_vocab_size": 1},
    ),
    "roberta-L2": Shape(
        model_type="roberta",
        architecture="RobertaForSequenceClassification",
        tokenizer=_sentence_piece,
        sizes={"num_hidden_layers": 2, **_ROBERTA},
        pad_token_id=1,
    ),
    # Small enough for tests that are about threads rather than numbers.
    "tiny": Shape(
        model_type="bert",
        architecture="BertForSequenceClassification",
        tokenizer=_word_piece,
        sizes={
            "num_hidden_layers": 2,
            "hidden_size": 64,
            "num_attention_heads": 2,
            "intermediate_size": 128,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
        },
    ),
    # The same, for vectors.
    "tiny-embedder": Shape(
        model_type="bert",
        architecture="BertModel",
        tokenizer=_word_piece,
        sizes={
            "num_hidden_layers": 2,
            "hidden_size": 64,
            "num_attention_heads": 2,
            "intermediate_size": 128,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
        },
    ),
}


def build(
    shape: str,
    folder: Path,
    *,
    labels: int = 1,
    tokenizer: Tokenizer | None = None,
    layers: int | None = None,
    deviation: float = 0.08,
) -> Path:
    """Write a model of this shape into `folder`: config, tokenizer and random weights.

    Args:
        shape: a key of `SHAPES`.
        folder: where to; made if need be.
        labels: how many logits it gives.
        tokenizer: another than the small one of its family.
        layers: another depth than the shape's.
        deviation: of the weights; so wide, many layers of a gated network make much of every rounding.
    """
    import torch
    import transformers

    described = SHAPES[shape]
    tokenizer = tokenizer or described.tokenizer()
    sizes = described.sizes if layers is None else {**described.sizes, "num_hidden_layers": layers}
    config = transformers.AutoConfig.for_model(
        described.model_type,
        vocab_size=tokenizer.get_vocab_size(),
        pad_token_id=described.pad_token_id,
        num_labels=labels,
        initializer_range=deviation,
        **sizes,
    )
    torch.manual_seed(7)
    network = getattr(transformers, described.architecture)(config).eval()
    network.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = ["input_ids", "attention_mask"]
    if described.sizes["type_vocab_size"] > 1:
        names.append("token_type_ids")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": names,
        "model_max_length": described.max_length,
        **_specials(tokenizer),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def _specials(tokenizer: Tokenizer) -> dict[str, str]:
    bert = tokenizer.token_to_id("[CLS]") is not None
    names = ("[CLS]", "[SEP]", "[PAD]", "[UNK]") if bert else ("<s>", "</s>", "<pad>", "<unk>")
    return dict(zip(("cls_token", "sep_token", "pad_token", "unk_token"), names, strict=True))
