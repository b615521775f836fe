"""A cross-encoder as the file that llama.cpp reads; it needs the package `gguf`."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

from pertinence.local.files.weights import WEIGHTS

__all__ = ["gguf_reranker"]


def gguf_reranker(folder: Path, target: Path) -> Path:
    """A BERT cross-encoder of this folder as the file that llama.cpp reads."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(str(target), "bert")
    writer.add_name("reranker")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.RANK)
    writer.add_classifier_output_labels(["LABEL_0"])
    _add_tokenizer(writer, folder, config["type_vocab_size"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, config["num_hidden_layers"])
    # What the map calls `classifier` is the pooler before it.
    heads = {"pooler.dense": "cls", "classifier": "cls.output"}
    for name, tensor in load_file(folder / WEIGHTS).items():
        stem, _, ending = name.removeprefix("bert.").rpartition(".")
        place = heads.get(stem) or names.get_name(stem)
        assert place is not None, f"no place for {name}"
        writer.add_tensor(f"{place}.{ending}", np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, types: int) -> None:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    special = {entry["content"]: entry["id"] for entry in content["added_tokens"]}
    tokens, kinds = [], []
    for token in sorted(vocabulary, key=lambda each: vocabulary[each]):
        if token in special:
            tokens.append(token)
        else:
            # Beginnings of words carry the mark here, not their continuations.
            tokens.append(token[2:] if token.startswith("##") else f"\u2581{token}")
        kinds.append(gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(types)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(special["[CLS]"])
    writer.add_eos_token_id(special["[SEP]"])
    writer.add_sep_token_id(special["[SEP]"])
    writer.add_pad_token_id(special["[PAD]"])
    writer.add_unk_token_id(special["[UNK]"])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)
    writer.add_add_sep_token(False)
