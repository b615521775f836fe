"""A vocabulary for French beside English: pieces of other scripts out, French words and endings in.

The encoder's English WordPiece cuts a French word to pieces, and a word that is one piece in question and
passage is found sooner than one of four. Pieces that neither language writes leave; the words that most texts
of the sources use, and the endings they share, come in, each starting as the mean of the pieces it replaces.
English text keeps its pieces.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer
from transformers import AutoModel

from recipe.model import MAX_LENGTH, TOKENIZER, base_folder

ARTICLES = 3  # a word that fewer articles use is a matter of one subject
MOST = 3400  # words: as many as the wheel has room for below 25 MB
ENDINGS_OF = 6000  # size of the French vocabulary whose endings are taken
SHORTEST = 3
_OURS = (range(0x250), range(0x370, 0x400), range(0x2000, 0x2300))  # Latin, Greek, punctuation and symbols


def write_start(texts: Mapping[str, Mapping[str, Iterable[str]]], folder: Path) -> dict[str, int]:
    """Write encoder and tokenizer with the new vocabulary into `folder`.

    Args:
        texts: source -> article -> its French texts, of the training part only.

    Returns:
        How many pieces left, came in and there are.
    """
    content = json.loads((base_folder() / TOKENIZER[0]).read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_str(json.dumps(content))
    old = tokenizer.get_vocab(with_added_tokens=False)
    kept = [piece for piece, _ in sorted(old.items(), key=lambda row: row[1]) if _is_ours(piece)]
    new = _french(tokenizer, texts, old)
    pieces = [*kept, *new]

    place = {piece: number for number, piece in enumerate(pieces)}
    content["model"]["vocab"] = place
    for token in content["added_tokens"]:
        token["id"] = place[token["content"]]
    for name, token in content["post_processor"].get("special_tokens", {}).items():
        token["ids"] = [place[name]]
    # The encoder was made for sentences: its file pads and cuts at 128. A pair does neither.
    content["truncation"] = content["padding"] = None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TOKENIZER[0]).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    settings = json.loads((base_folder() / TOKENIZER[1]).read_text(encoding="utf-8"))
    settings["model_max_length"] = MAX_LENGTH
    settings.pop("name_or_path", None)
    (folder / TOKENIZER[1]).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    model = AutoModel.from_pretrained(base_folder(), dtype=torch.float32)
    rows = model.get_input_embeddings().weight.detach()
    table = [rows[old[piece]] for piece in kept]
    table += [rows[[old[part] for part in cut(piece, old)]].mean(dim=0) for piece in new]
    model.resize_token_embeddings(len(pieces))
    model.get_input_embeddings().weight.data.copy_(torch.stack(table))
    model.save_pretrained(folder, safe_serialization=True)
    return {"left": len(old) - len(kept), "new": len(new), "pieces": len(pieces)}


def cut(piece: str, vocab: Mapping[str, int]) -> list[str]:
    """The pieces of `vocab` that spell `piece`, longest first, as WordPiece cuts; [UNK] where none do."""
    inside = "##" if piece.startswith("##") else ""
    rest, parts = piece.removeprefix("##"), []
    while rest:
        size = next((n for n in range(len(rest), 0, -1) if inside + rest[:n] in vocab), 0)
        if not size:
            return ["[UNK]"]
        parts.append(inside + rest[:size])
        rest, inside = rest[size:], "##"
    return parts


def _french(
    tokenizer: Tokenizer, texts: Mapping[str, Mapping[str, Iterable[str]]], old: Mapping[str, int]
) -> list[str]:
    """Words by the share of the articles that use them, every source weighing the same; then endings."""
    spread: Counter[str] = Counter()
    several: set[str] = set()
    words: list[str] = []
    for articles in texts.values():
        used: Counter[str] = Counter()
        for passages in articles.values():
            found = [word for text in passages for word in _words(tokenizer, text)]
            used.update(set(found))
            words += found
        several |= {word for word, count in used.items() if count >= ARTICLES}
        spread.update({word: count / len(articles) for word, count in used.items()})
    ranked = sorted((word for word in several if word not in old), key=lambda word: (-spread[word], word))
    french = Tokenizer(WordPiece(unk_token="[UNK]"))
    french.train_from_iterator(
        words, WordPieceTrainer(vocab_size=ENDINGS_OF, special_tokens=["[UNK]"], show_progress=False)
    )
    endings = {
        piece
        for piece in french.get_vocab()
        if piece.startswith("##") and len(piece) >= SHORTEST + 2 and piece not in old
    }
    return sorted(piece for piece in {*ranked[:MOST], *endings} if "[UNK]" not in cut(piece, old))


def _words(tokenizer: Tokenizer, text: str) -> list[str]:
    folded = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(folded) if word.isalpha()]


def _is_ours(piece: str) -> bool:
    return not piece.startswith("[unused") and all(
        any(ord(character) in block for block in _OURS) for character in piece.removeprefix("##")
    )
