"""Base class of the dialects. A dialect builds requests and parses responses; it does not send them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pertinence.errors import ScoreError
from pertinence.remote.dialects.reading import EntryError, parsed, usage_of
from pertinence.scorer import Float32, ScoreKind

__all__ = ["Answer", "Call", "Dialect", "Request", "Scale", "Task"]

# Scale of a server's scores. `server` means that the server chose a scale and does not say which.
Scale = Literal["logit", "probability", "cosine", "server", "unknown"]
Task = Literal["rerank", "embed"]
_KINDS: Mapping[str, ScoreKind] = {"logit": "logit", "probability": "probability"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """Content of one request to a server.

    Attributes:
        texts: documents to score, or texts to embed.
        query: query to score the documents for; empty when embedding.
        model: the server's name for its model, if one was given.
        dimensions: length to which vectors are cut; None for full length.
    """

    texts: Sequence[str]
    query: str = ""
    model: str | None = None
    dimensions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """POST request. The path is appended to the user's base URL, and the body can be written as JSON."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Parsed response of a server.

    Attributes:
        values: float32, in the order of the request: shape (texts,) for scores, (texts, dims) for vectors.
        usage: counts that the server reports, such as `total_tokens`.
    """

    values: Float32
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dialect(ABC):
    """Request and response format of one kind of server.

    A subclass implements `fields`, which builds the request body, and `read`, which reads the response.
    Everything else is data.

    Attributes:
        name: name of the dialect in the option `dialect`.
        path: path that is appended to `base_url`; `{model}` in it is replaced by the model's name.
        scale: scale of the scores; they are converted only if it is `logit` or `probability`.
        batch: maximum number of texts per request; None sends all at once. A smaller number is used if
            the server turns out to accept fewer.
        most_bytes: maximum size in bytes of a body that the server accepts; None for no limit.
        splits: True if a call may be split into several requests. False for models that look at all
            candidates together, whose scores depend on their neighbors.
        cuts: True if the server truncates a text that is too long, False if it refuses it, None if unknown.
        auth: header that carries the key, with `{}` in place of the key.
        extra: additional fields of the body, sent unchanged.
    """

    task: ClassVar[Task] = "rerank"

    name: str
    path: str
    scale: Scale = "unknown"
    batch: int | None = None
    most_bytes: int | None = None
    splits: bool = True
    cuts: bool | None = None
    auth: str = "Authorization: Bearer {}"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @abstractmethod
    def fields(self, call: Call) -> Mapping[str, Any]:
        """Return the body of the request, without `extra`."""

    @abstractmethod
    def read(self, content: Any, count: int) -> Float32:
        """Return the values in the JSON of a response, in the order of the request.

        Raises:
            ScoreError: the response does not hold one finite value (or vector) for each of `count` texts.
        """

    @property
    def kind(self) -> ScoreKind:
        """Score kind for `Scores` that corresponds to the scale; `raw` if the scale cannot be converted."""
        return _KINDS.get(self.scale, "raw")

    def build_request(self, call: Call) -> Request:
        """Build the request for a call."""
        path = self.path.replace("{model}", quote(call.model or "", safe="/"))
        return Request(path=path, body={**self.fields(call), **self.extra})

    def parse_response(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> Answer:
        """Parse a successful response.

        Raises:
            ScoreError: the body does not match this dialect, or does not hold one finite value per text.
        """
        try:
            content = parsed(body)
            values = self.read(content, count)
            if len(values) != count:
                raise ScoreError(f"it holds {len(values)} values for {count} texts")
        except EntryError as error:
            raise error.behind(self._complaint(status)) from None
        except ScoreError as error:
            raise ScoreError(f"{self._complaint(status)}{error}") from None
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # A user's own dialect raises these when the response is not what it expects.
            raise ScoreError(f"{self._complaint(status)}{type(error).__name__}") from None
        values.setflags(write=False)
        return Answer(values=values, usage=usage_of(content, headers))

    def _complaint(self, status: int) -> str:
        return f"the server answered {status}, but not as {self.name!r} does: "


def with_model(call: Call, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields, preceded by the model's name if there is one."""
    return {"model": call.model, **fields} if call.model is not None else dict(fields)
