"""Cards of the known models, as data."""

from __future__ import annotations

from collections.abc import Mapping

from pertinence.cards.card import Card, Published, Way

__all__ = ["CARDS"]

_HUB = "https://huggingface.co/"
_ALL_WAYS: tuple[Way, ...] = ("sentence-transformers", "FlagEmbedding", "transformers")
# Languages that mMARCO was translated into, and its original English.
_MMARCO = ("ar", "zh", "nl", "en", "fr", "de", "hi", "id", "it", "ja", "pt", "ru", "es", "vi")
_PROBABILITIES = "Gives one logit, of which sentence-transformers makes a probability."
_NO_CODE = "Its files name code of another repository; transformers' own Gte classes run it instead."


def _mmarco_500(name: str, rp: float, mrr: float, *recalls: float) -> Published:
    """Build the figures of the table of 500 queries from RP, MRR@10 and R at 10, 20, 50, 100, in percent."""
    recall_at = zip((10, 20, 50, 100), recalls, strict=True)
    return Published(
        protocol="mmarco-fr-500",
        dataset="mmarco-fr",
        metrics=_fractions({"RP": rp, "MRR@10": mrr, **{f"R@{depth}": value for depth, value in recall_at}}),
        source=_HUB + name,
    )


def _small_dev(name: str, **percents: float) -> Published:
    metrics = {name.replace("_at_", "@"): value for name, value in percents.items()}
    return Published(
        protocol="mmarco-fr-small-dev",
        dataset="mmarco-fr",
        metrics=_fractions(metrics),
        source=_HUB + name,
    )


def _nanobeir(name: str, dataset: str, ap: float, mrr: float, ndcg: float) -> Published:
    return Published(
        protocol="nanobeir-r100",
        dataset=dataset,
        metrics={"MAP": ap, "MRR@10": mrr, "nDCG@10": ndcg},
        source=_HUB + name,
    )


def _fractions(percents: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value / 100, 6) for name, value in percents.items()}


def _mmarco_fr(
    short: str,
    *published: Published,
    parameters: int,
    megabytes: int,
    architecture: str,
    max_length: int,
    multilingual: bool = False,
    note: str = _PROBABILITIES,
) -> Card:
    """Build the card of one of the French rerankers trained on mMARCO."""
    return Card(
        name=f"antoinelouis/{short}",
        task="rerank",
        languages=("fr",),
        multilingual=multilingual,
        parameters=parameters,
        megabytes=megabytes,
        architecture=architecture,
        max_length=max_length,
        scale="probability",
        ways=_ALL_WAYS,
        licence="MIT",
        source=f"{_HUB}antoinelouis/{short}",
        published=published,
        notes=(note,),
    )


_CAMEMBERT = "antoinelouis/crossencoder-camembert-base-mmarcoFR"
_CAMEMBERT_L2 = "antoinelouis/crossencoder-camembert-L2-mmarcoFR"
_MINILM_L6 = "antoinelouis/crossencoder-mMiniLMv2-L6-mmarcoFR"
_MINILM_L12 = "antoinelouis/crossencoder-mMiniLMv2-L12-mmarcoFR"
_DISTIL = "antoinelouis/crossencoder-distilcamembert-mmarcoFR"
_ELECTRA = "antoinelouis/crossencoder-electra-base-french-mmarcoFR"
_GTE = "Alibaba-NLP/gte-multilingual-reranker-base"
_GTE_MSMARCO = "skfrost19/reranker-gte-multilingual-base-msmarco-bce"
_BILINGUAL = "Lajavaness/bilingual-embedding-base"
_BGE = "BAAI/bge-reranker-v2-m3"
_MMARCO_MINILM = "cross-encoder/mmarco-mMiniLMv2-L12-H384-v1"
_MSMARCO_MINILM = "cross-encoder/ms-marco-MiniLM-L6-v2"
_TRAINED_AT_256 = f"Trained on pairs of 256 tokens and able to read 512: max_length=512. {_PROBABILITIES}"

CARDS: tuple[Card, ...] = (
    Card(
        name="pertinence-mini",
        task="rerank",
        languages=("fr", "en"),
        parameters=23_298_433,
        megabytes=24,
        architecture="BertForSequenceClassification",
        max_length=256,
        scale="probability",
        licence="Apache-2.0",
        source="packages/pertinence-mini",
        published=(
            Published(
                protocol="piaf-fr-bm25-20",
                dataset="piaf-fr",
                metrics={"MRR@10": 0.776, "nDCG@10": 0.802},
                source="packages/pertinence-mini",
            ),
            Published(
                protocol="epqa-en-judged",
                dataset="epqa-en",
                metrics={"MRR@10": 0.883, "nDCG@10": 0.879},
                source="packages/pertinence-mini",
            ),
        ),
        notes=("Comes with the install: neither torch nor a hub. Trained on 256 tokens, and reads no more.",),
    ),
    _mmarco_fr(
        "crossencoder-camembert-base-mmarcoFR",
        _small_dev(_CAMEMBERT, MRR_at_10=33.4, R_at_10=59.83, R_at_100=85.34),
        _mmarco_500(_CAMEMBERT, 35.65, 50.44, 82.95, 91.50, 96.80, 98.80),
        parameters=110_600_000,
        megabytes=443,
        architecture="CamembertForSequenceClassification",
        max_length=256,
        note=_TRAINED_AT_256,
    ),
    _mmarco_fr(
        "crossencoder-camembert-L2-mmarcoFR",
        _small_dev(_CAMEMBERT_L2, MRR_at_10=21.26, R_at_10=41.11, R_at_100=72.74, R_at_500=93.10),
        parameters=39_700_000,
        megabytes=159,
        architecture="CamembertForSequenceClassification",
        max_length=256,
        note=_TRAINED_AT_256,
    ),
    _mmarco_fr(
        "crossencoder-distilcamembert-mmarcoFR",
        _mmarco_500(_DISTIL, 27.28, 43.71, 80.30, 89.10, 95.55, 98.60),
        parameters=68_000_000,
        megabytes=272,
        architecture="CamembertForSequenceClassification",
        max_length=256,
        note=_TRAINED_AT_256,
    ),
    _mmarco_fr(
        "crossencoder-electra-base-french-mmarcoFR",
        _mmarco_500(_ELECTRA, 28.32, 45.28, 79.22, 87.15, 93.15, 95.75),
        parameters=110_000_000,
        megabytes=443,
        architecture="ElectraForSequenceClassification",
        max_length=512,
        note=f"Is told which tokens are the text's (token_type_ids). {_PROBABILITIES}",
    ),
    _mmarco_fr(
        "crossencoder-mMiniLMv2-L6-mmarcoFR",
        _mmarco_500(_MINILM_L6, 33.92, 49.33, 79.00, 88.35, 94.80, 98.20),
        parameters=107_000_000,
        megabytes=428,
        architecture="XLMRobertaForSequenceClassification",
        max_length=512,
        multilingual=True,
    ),
    _mmarco_fr(
        "crossencoder-mMiniLMv2-L12-mmarcoFR",
        _mmarco_500(_MINILM_L12, 34.37, 51.01, 82.23, 90.60, 96.45, 98.40),
        parameters=118_000_000,
        megabytes=471,
        architecture="XLMRobertaForSequenceClassification",
        max_length=512,
        multilingual=True,
    ),
    Card(
        name=_GTE_MSMARCO,
        task="rerank",
        languages=("en",),
        multilingual=True,
        parameters=306_000_000,
        architecture="GteForSequenceClassification",
        max_length=8192,
        scale="probability",
        ways=("sentence-transformers",),
        licence=None,
        source=_HUB + _GTE_MSMARCO,
        published=(
            _nanobeir(_GTE_MSMARCO, "NanoMSMARCO", 0.6138, 0.6029, 0.6561),
            _nanobeir(_GTE_MSMARCO, "NanoNFCorpus", 0.3423, 0.5771, 0.3777),
            _nanobeir(_GTE_MSMARCO, "NanoNQ", 0.5809, 0.5987, 0.6548),
            _nanobeir(_GTE_MSMARCO, "mean", 0.5123, 0.5929, 0.5629),
        ),
        notes=(_NO_CODE, _PROBABILITIES),
    ),
    Card(
        name=_GTE,
        task="rerank",
        languages=("mul",),
        multilingual=True,
        parameters=306_000_000,
        megabytes=612,
        architecture="GteForSequenceClassification",
        max_length=8192,
        scale="probability",
        ways=("sentence-transformers", "transformers"),
        licence="Apache-2.0",
        source=_HUB + _GTE,
        notes=(_NO_CODE, "Published in float16, computed in float32 unless asked otherwise.", _PROBABILITIES),
    ),
    Card(
        name=_BGE,
        task="rerank",
        languages=("mul",),
        multilingual=True,
        parameters=568_000_000,
        architecture="XLMRobertaForSequenceClassification",
        max_length=8192,
        scale="probability",
        ways=_ALL_WAYS,
        licence="Apache-2.0",
        source=_HUB + _BGE,
        notes=(_PROBABILITIES,),
    ),
    Card(
        name=_MMARCO_MINILM,
        task="rerank",
        languages=_MMARCO,
        multilingual=True,
        parameters=118_000_000,
        megabytes=471,
        architecture="XLMRobertaForSequenceClassification",
        max_length=512,
        scale="logit",
        ways=("sentence-transformers", "transformers"),
        licence="Apache-2.0",
        source=_HUB + _MMARCO_MINILM,
        notes=("Its settings ask for logits, and sentence-transformers gives them.",),
    ),
    Card(
        name=_MSMARCO_MINILM,
        task="rerank",
        languages=("en",),
        parameters=22_700_000,
        megabytes=91,
        architecture="BertForSequenceClassification",
        max_length=512,
        scale="logit",
        ways=("sentence-transformers", "transformers"),
        licence="Apache-2.0",
        source=_HUB + _MSMARCO_MINILM,
        published=(
            Published(
                protocol="msmarco-dev",
                dataset="msmarco",
                metrics={"MRR@10": 0.3901},
                source=_HUB + _MSMARCO_MINILM,
            ),
            Published(
                protocol="trec-dl-2019",
                dataset="msmarco",
                metrics={"nDCG@10": 0.7430},
                source=_HUB + _MSMARCO_MINILM,
            ),
        ),
        notes=("Its settings ask for logits, and sentence-transformers gives them.",),
    ),
    Card(
        name=_BILINGUAL,
        task="embed",
        languages=("fr", "en"),
        multilingual=True,
        parameters=278_000_000,
        architecture="XLMRobertaModel",
        max_length=512,
        scale="cosine",
        ways=("sentence-transformers",),
        licence="Apache-2.0",
        source=_HUB + _BILINGUAL,
        published=(
            Published(
                protocol="mteb-fr",
                dataset="AlloprofReranking",
                metrics={"MAP": 0.7046, "MRR": 0.7161},
                source=_HUB + _BILINGUAL,
            ),
            Published(
                protocol="mteb-fr",
                dataset="AlloprofRetrieval",
                metrics={"MRR@10": 0.3552},
                source=_HUB + _BILINGUAL,
            ),
        ),
        notes=(
            "Its files name code that transformers 5 cannot run; it is XLM-RoBERTa with mean pooling and "
            "vectors of length 1, and is loaded as such.",
            "Its card says 1,024 dimensions; it has 768.",
        ),
    ),
)
