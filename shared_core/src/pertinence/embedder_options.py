"""Options of an embedder: `Options` without those that rank, plus the format of its vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypedDict, get_args

from pertinence.errors import OptionError
from pertinence.options import BackendName, DtypeName, Options
from pertinence.ranking import check_top_k
from pertinence.vectors import PrecisionName

__all__ = ["EmbedderOptions", "EmbedderValues"]

_RANKING = ("top_k", "threshold", "score_kind", "truncation")


class EmbedderValues(TypedDict, total=False):
    """`EmbedderOptions` as keyword arguments, without `model`."""

    query_prefix: str
    query_suffix: str
    document_prefix: str
    document_suffix: str
    truncate_dim: int | None
    normalize: bool | None
    precision: PrecisionName
    ranges: Sequence[Sequence[float]] | None
    device: str
    backend: BackendName
    dtype: DtypeName
    max_length: int | None
    batch_tokens: int | None
    max_queued: int | None
    trust_remote_code: bool
    revision: str | None
    token: str | None
    cache_folder: str | None
    local_files_only: bool
    model_kwargs: Mapping[str, Any] | None
    base_url: str | None
    dialect: str | Mapping[str, Any] | None
    api_key: str | None
    timeout: float
    max_retries: int
    concurrency: int
    headers: Mapping[str, str] | None
    verify: bool | str
    proxy: str | None


@dataclass(frozen=True, kw_only=True)
class EmbedderOptions(Options):
    """Options of an embedder as plain data: `Options` without those that only rank, plus the ones below.

    Attributes:
        model: a folder, or a name on the hub; with `base_url`, the server's name for it.
        max_length: maximum number of tokens of a text, special tokens included; None takes the model's own
            limit.
        truncate_dim: keep only this many leading elements of every vector (Matryoshka); None follows the
            model's own settings, which for most models keep all.
        normalize: True scales every vector to length 1, after any truncation; False leaves out the Normalize
            module at the end of the model's own modules; None follows those modules.
        precision: number type of a vector: `float32`, `int8` and `uint8` (255 steps of `ranges`), `binary`
            and `ubinary` (one bit per element, eight packed into an int8 or a uint8).
        ranges: for `int8` and `uint8`, two lists: the minimum and the maximum of each vector element,
            measured over many vectors.
    """

    truncate_dim: int | None = None
    normalize: bool | None = None
    precision: PrecisionName = "float32"
    ranges: Sequence[Sequence[float]] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in _RANKING:
            if getattr(self, name) != getattr(Options, name):
                raise _ranks(name)
        object.__setattr__(self, "truncate_dim", check_top_k(self.truncate_dim, "truncate_dim"))
        self._require("normalize", bool, type(None))
        if self.precision not in get_args(PrecisionName):
            known = ", ".join(get_args(PrecisionName))
            raise OptionError(f"precision must be one of {known}; got {self.precision!r}")
        object.__setattr__(self, "ranges", _check_ranges(self.ranges))
        wanted = self.precision in ("int8", "uint8")
        if wanted and self.ranges is None:
            raise OptionError(
                f"precision={self.precision!r} needs ranges, the least and greatest value of each number: "
                "taken from one call's vectors, they would make a vector depend on its neighbours. 'binary' "
                "and 'ubinary' need none"
            )
        if not wanted and self.ranges is not None:
            raise OptionError(f"ranges are for precision 'int8' and 'uint8', not {self.precision!r}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all options of an embedder, in order of declaration."""
        return tuple(name for name in super().names() if name not in _RANKING)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Create options from a mapping.

        Raises:
            OptionError: a name is not an option of an embedder, or a value is not accepted.
        """
        for name in values:
            if name in _RANKING:
                raise _ranks(name)
        return super().of(values)

    @classmethod
    def from_options(cls, options: Options) -> EmbedderOptions:
        """Return `options` unchanged if they are `EmbedderOptions`, else convert plain `Options`.

        Raises:
            OptionError: the options set something that only a reranker does.
        """
        if isinstance(options, EmbedderOptions):
            return options
        return cls(**{name: getattr(options, name) for name in options.names()})


def _ranks(name: str) -> OptionError:
    return OptionError(f"{name} is an option of rerankers; an embedder does not rank")


def _check_ranges(ranges: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if ranges is None:
        return None
    try:
        least, greatest = (tuple(map(float, row)) for row in ranges)
    except (TypeError, ValueError):
        raise OptionError("ranges must be two lists of numbers, the least and the greatest values") from None
    if len(least) != len(greatest):
        raise OptionError(f"ranges hold {len(least)} least and {len(greatest)} greatest values")
    for place, (low, high) in enumerate(zip(least, greatest, strict=True)):
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise OptionError(f"ranges: number {place} goes from {low:g} to {high:g}")
    return least, greatest
