"""What is to be sent where, as the remote options say it; the key shows itself to nobody but the client."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pertinence.errors import OptionError
from pertinence.options import Options
from pertinence.remote.dialects import AUTO, DEFAULTS, Dialect, Task, find
from pertinence.scorer import ScoreKindName

__all__ = [
    "API_KEY",
    "Secret",
    "Settings",
    "check_kind",
    "chosen_dialect",
    "default_dialect",
    "host_of",
    "settings_of",
    "url_of",
]

API_KEY = "PERTINENCE_API_KEY"
# Options of models on this machine: a server would never hear of them.
_LOCAL = (
    *("device", "backend", "dtype", "max_length", "truncation", "batch_tokens", "trust_remote_code"),
    *("revision", "cache_folder", "local_files_only", "model_kwargs", "max_queued"),
)


class Secret:
    """A text that no `repr`, log or pickle shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the request and for nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> Any:
        raise TypeError("a secret is never pickled")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One configuration; those that are equal share a client.

    Attributes:
        timeout: seconds of a whole call.
        auth: header that carries the key, `{}` in its place.
    """

    base_url: str
    key: Secret | None
    headers: tuple[tuple[str, str], ...]
    verify: bool | str
    proxy: str | None
    timeout: float
    max_retries: int
    concurrency: int
    auth: str


def settings_of(options: Options, dialect: Dialect) -> Settings:
    """The settings that options ask for, with the environment's key if they hold none.

    Raises:
        OptionError: an option that only a model on this machine can follow, or a header that would take
            the place of the key.
    """
    if options.base_url is None:
        raise OptionError("base_url is missing: it says where the server is")
    defaults = Options()
    for name in _LOCAL:
        if getattr(options, name) != getattr(defaults, name):
            raise OptionError(
                f"{name} is an option of models on this machine; with base_url, the server decides"
            )
    headers = options.headers or {}
    carrier = dialect.auth.partition(":")[0]
    if carrier.lower() in map(str.lower, headers):
        raise OptionError(f"headers must not hold {carrier!r}, which carries the key")
    key = options.api_key or os.environ.get(API_KEY)
    return Settings(
        base_url=options.base_url,
        key=Secret(Options(api_key=key).api_key or "") if key else None,
        headers=tuple(headers.items()),
        verify=options.verify,
        proxy=options.proxy,
        timeout=options.timeout,
        max_retries=options.max_retries,
        concurrency=options.concurrency,
        auth=dialect.auth,
    )


def chosen_dialect(options: Options, task: Task) -> Dialect | None:
    """The dialect that the options name, or None if the server is to be asked.

    Raises:
        OptionError: there is none of that name.
    """
    return None if options.dialect == AUTO else find(options.dialect, task)


def default_dialect(task: Task) -> Dialect:
    """The dialect that most servers speak."""
    return find(DEFAULTS[task], task)


def check_kind(dialect: Dialect, asked: ScoreKindName) -> None:
    """Refuse to promise scores on a scale that this dialect's cannot be brought to.

    Raises:
        OptionError: it names the scale that they are on.
    """
    kind = dialect.kind
    if asked in ("auto", "raw", kind) or (kind == "logit" and asked == "probability"):
        return
    scales = {"server": "one that the server chose and does not tell", "unknown": "unknown"}
    raise OptionError(
        f"score_kind={asked!r} cannot be had: the scale of the scores of {dialect.name!r} is "
        f"{scales.get(dialect.scale, dialect.scale)}; take 'raw' or 'auto', or say what it is, if you "
        f"know: dialect={{'name': {dialect.name!r}, 'scale': 'logit'}}"
    )


def url_of(base_url: str, path: str) -> str:
    """The address of a request: the user's path as it is, then the dialect's.

    A base URL that ends with the dialect's path already is the address itself.
    """
    parts = urlsplit(base_url)
    own = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=own if own.endswith(path) else own + path))


def host_of(base_url: str) -> str:
    """Scheme, host and port, for messages and detection."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
