"""Settings of a connection, derived from the remote options. Only the HTTP client reads the key in them."""

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
# Options of local models. They are never sent to a server, so `settings_of` rejects them.
_LOCAL = (
    *("device", "backend", "dtype", "max_length", "truncation", "batch_tokens", "trust_remote_code"),
    *("revision", "cache_folder", "local_files_only", "model_kwargs", "max_queued"),
)


class Secret:
    """String that no `repr`, log or pickle shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the string itself. Use it only for requests."""
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
    """Configuration of a client. Equal settings share one client.

    Attributes:
        timeout: seconds for a whole call.
        auth: header that carries the key, with `{}` in place of the key.
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
    """Return the settings for the options. The key defaults to that of the environment variable.

    Raises:
        OptionError: `base_url` is missing, an option applies only to local models, or a header would
            replace the key.
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
    """Return the dialect that the options select, or None if it must be detected.

    Raises:
        OptionError: the dialect is unknown, or its mapping is not valid.
    """
    return None if options.dialect == AUTO else find(options.dialect, task)


def default_dialect(task: Task) -> Dialect:
    """Return the dialect that most servers support for a task."""
    return find(DEFAULTS[task], task)


def check_kind(dialect: Dialect, asked: ScoreKindName) -> None:
    """Check that the scores of a dialect can be converted to the requested kind.

    Raises:
        OptionError: they cannot; the message names the scale of the scores.
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
    """Return the URL of a request: the base URL with the dialect's path appended.

    If the base URL already ends with the dialect's path, nothing is appended.
    """
    parts = urlsplit(base_url)
    own = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=own if own.endswith(path) else own + path))


def host_of(base_url: str) -> str:
    """Return the scheme, host and port of a URL, for messages and detection."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
