"""What a dialect is: how one server's requests are written and its answers read; it sends nothing itself."""

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

# What a server's scores are: `server` is a scale that it chose and does not tell.
Scale = Literal["logit", "probability", "cosine", "server", "unknown"]
Task = Literal["rerank", "embed"]
_KINDS: Mapping[str, ScoreKind] = {"logit": "logit", "probability": "probability"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is asked of a server in one request.

    Attributes:
        texts: the documents to score, or the texts to embed.
        query: what they are scored for; nothing when embedding.
        model: the server's name for its model, if one was given.
        dimensions: how many numbers of a vector are wanted, if not all.
    """

    texts: Sequence[str]
    query: str = ""
    model: str | None = None
    dimensions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """A POST: the path is appended to the user's base URL, the body is JSON-able."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server said.

    Attributes:
        values: float32, in the order of the request: shape (texts,) for scores, (texts, dims) for vectors.
        usage: what the server counted, such as `total_tokens`.
    """

    values: Float32
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dialect(ABC):
    """One server's way of being asked. A subclass writes `fields` and reads `read`; all else is data.

    Attributes:
        name: what it is called in the option `dialect`.
        path: appended to `base_url`; `{model}` in it is the model's name.
        scale: what the scores are; they are converted only where it is `logit` or `probability`.
        batch: texts per request; None sends all at once. The server may teach a smaller number.
        most_bytes: the longest body that the server takes; None if it does not matter.
        splits: whether a request may be cut in two. False for models that look at all candidates
            together, whose scores depend on their neighbours.
        cuts: whether the server cuts a text that is too long: True, False (it refuses), None (unknown).
        auth: header that carries the key, `{}` in its place.
        extra: further fields of the body, as they are.
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
        """The body of the request, less `extra`."""

    @abstractmethod
    def read(self, content: Any, count: int) -> Float32:
        """The values in an answer's JSON, in the order of the request.

        Raises:
            ScoreError: there is not one finite value (or vector) for each of `count` texts.
        """

    @property
    def kind(self) -> ScoreKind:
        """The scale in the words of `Scores`: whatever cannot be converted is `raw`."""
        return _KINDS.get(self.scale, "raw")

    def build_request(self, call: Call) -> Request:
        """The request for a call."""
        path = self.path.replace("{model}", quote(call.model or "", safe="/"))
        return Request(path=path, body={**self.fields(call), **self.extra})

    def parse_response(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> Answer:
        """The values of a successful answer.

        Raises:
            ScoreError: it is not what this dialect speaks, or not one finite value for each text.
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
            # What a dialect of a user's own runs into when the answer is not what it expects.
            raise ScoreError(f"{self._complaint(status)}{type(error).__name__}") from None
        values.setflags(write=False)
        return Answer(values=values, usage=usage_of(content, headers))

    def _complaint(self, status: int) -> str:
        return f"the server answered {status}, but not as {self.name!r} does: "


def with_model(call: Call, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields after the model's name, if there is one."""
    return {"model": call.model, **fields} if call.model is not None else dict(fields)
