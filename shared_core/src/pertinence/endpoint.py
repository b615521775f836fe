"""Checks of the options that describe a server and the requests to it (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pertinence.errors import OptionError
from pertinence.ranking import check_top_k

__all__ = ["REMOTE_CHECKS", "SECRET_HEADER"]

SECRET_HEADER = re.compile(
    r"\bauth\b|authori[sz]|authent|oauth|cookie|token|secret|passw|credential"
    r"|(api|access|subscription)[-_]?key|^key$",
    re.I,
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Headers that the HTTP client sets: another value would contradict the body or the connection.
_FRAMING = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "transfer-encoding"}
)


def _base_url(value: object) -> str | None:
    """Check an http(s) URL without credentials, and remove a slash at its end."""
    if value is None:
        return None
    parts = _url("base_url", value)
    if parts.scheme not in ("http", "https"):
        raise OptionError(f"base_url must begin with http:// or https://, got {_shown(value)!r}")
    _refuse_credentials("base_url", parts, "give the key as api_key")
    if parts.fragment:
        raise OptionError("base_url cannot have a fragment (#...)")
    return str(value) if parts.query else str(value).rstrip("/")


def _proxy(value: object) -> str | None:
    if value is None:
        return None
    parts = _url("proxy", value)
    if parts.scheme not in ("http", "https", "socks5", "socks5h"):
        raise OptionError(f"proxy must begin with http://, https:// or socks5://, got {_shown(value)!r}")
    _refuse_credentials("proxy", parts, "set HTTPS_PROXY or HTTP_PROXY in the environment")
    return str(value)


def _url(name: str, value: object) -> SplitResult:
    if not isinstance(value, str):
        raise OptionError(f"{name} must be a URL, not {type(value).__name__}")
    if not value.isprintable() or " " in value:
        raise OptionError(f"{name} holds a space or a control character")
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  urlsplit checks the port only when it is read
    except ValueError as error:
        raise OptionError(f"{name} is no URL: {error}") from None
    if "://" not in value or not parts.hostname:
        hint = "a scheme and a host are needed, such as http://localhost:8080"
        raise OptionError(f"{name} is no full URL, got {_shown(value)!r}: {hint}")
    return parts


def _shown(value: object) -> str:
    """Return a URL as an error message may show it, without anything that may be credentials."""
    return re.sub(r"[^/@\s]*@", "***@", str(value)).partition("?")[0]


def _refuse_credentials(name: str, parts: SplitResult, instead: str) -> None:
    if parts.username is not None or parts.password is not None:
        raise OptionError(f"{name} must not hold a user name or a password: URLs are logged; {instead}")


def _dialect(value: object) -> str | dict[str, Any] | None:
    """Check a dialect: a name, or plain data that describes it, which may be given as JSON."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise OptionError(f"dialect is not valid JSON: {error}") from None
    if isinstance(value, Mapping):
        return dict(value)
    if value is None or (isinstance(value, str) and value):
        return value
    raise OptionError(f"dialect must be a name or a JSON object, got {value!r}")


def _api_key(value: object) -> str | None:
    if value is None:
        return None
    # A secret of the wrong type is still a secret, so the message does not show it.
    if not isinstance(value, str):
        raise OptionError(f"api_key cannot be {type(value).__name__}")
    if not value:
        return None  # an environment variable set to the empty string counts as not set
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise OptionError(
            "api_key holds a line break, a space around it, or a character that no header can carry"
        )
    return value


def _timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < float("inf"):
        raise OptionError(f"timeout must be a number of seconds > 0, got {value!r}")
    return float(value)


def _max_retries(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    return _size("max_retries", value)


def _concurrency(value: object) -> int:
    return _size("concurrency", value)


def _size(name: str, value: object) -> int:
    number = check_top_k(value, name)
    if number is None:
        raise OptionError(f"{name} must be a whole number, got None")
    return number


def _headers(value: object) -> dict[str, str] | None:
    """Check headers: they can be sent, hold no key, and do not replace those that the HTTP client sets."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise OptionError(f"headers must be a mapping of names to texts, not {type(value).__name__}")
    for name, text in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise OptionError(f"headers: {name!r} is no name of a header")
        if SECRET_HEADER.search(name):
            raise OptionError(
                f"headers must not hold {name!r}, which looks like a key: give it as api_key; a dialect "
                "such as {'name': 'cohere', 'auth': 'X-Api-Key: {}'} says which header it goes into"
            )
        if name.lower() in _FRAMING:
            raise OptionError(f"headers must not hold {name!r}: the client sets it")
        if not isinstance(text, str):
            raise OptionError(f"headers: {name} must be a text, not {type(text).__name__}")
        if not (text.isascii() and (text.isprintable() or not text)):
            raise OptionError(f"headers: {name} holds a line break or a character that no header can carry")
    return dict(value)


def _verify(value: object) -> bool | str:
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    raise OptionError(f"verify must be True, False, or a file or folder of certificates, got {value!r}")


# Check of each option: it returns the value to store, or raises an OptionError that names the option.
REMOTE_CHECKS: Mapping[str, Callable[[object], Any]] = {
    "base_url": _base_url,
    "dialect": _dialect,
    "api_key": _api_key,
    "timeout": _timeout,
    "max_retries": _max_retries,
    "concurrency": _concurrency,
    "headers": _headers,
    "verify": _verify,
    "proxy": _proxy,
}
