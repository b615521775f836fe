"""What the fakes of hosted providers share: a key, one known model, strict fields, one shape of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from remote.servers.fields import Kind, problem
from remote.servers.wire import Answer, Call, RefusedError, Server, as_json

__all__ = ["Hosted"]


class Hosted(Server):
    """Where nothing is known of how a provider takes unknown fields, it refuses them: the strictest guess.

    Args:
        key: what a request must present; None lets everyone in.
        latency: seconds that every answer takes.
        limit: documents that one request may hold; None is the provider's own.
    """

    model: ClassVar[str] = ""
    documents_limit: ClassVar[int] = 1000

    def __init__(self, *, key: str | None = None, latency: float = 0.0, limit: int | None = None) -> None:
        super().__init__(key=key, latency=latency)
        self.limit = self.documents_limit if limit is None else limit

    def refusal(self, status: int, message: str) -> Answer:
        """An error in the provider's shape."""
        return as_json({"message": message}, status)

    def refuse(self, status: int, message: str) -> RefusedError:
        """The same, to be raised."""
        return RefusedError(self.refusal(status, message))

    def admit(self, call: Call) -> None:
        if not self.bearer(call):
            raise self.refuse(401, "invalid api key")

    def unknown(self, call: Call) -> Answer:
        return self.refusal(404, f"no such path: {call.path}")

    def broken(self, call: Call, problem: ValueError) -> Answer:
        return self.refusal(400, f"the body is not valid JSON: {problem}")

    def read(self, call: Call, required: dict[str, Kind], optional: dict[str, Kind]) -> dict[str, Any]:
        """The body, once its fields and its model are known to be good."""
        body = call.json()
        wrong = problem(body, required=required, optional=optional, closed=True)
        if wrong is not None:
            raise self.refuse(self.status_of_bad_fields, f"invalid request: {wrong}")
        if "model" in required and body["model"] != self.model:
            raise self.refuse(404, f"model '{body['model']}' not found")
        read: dict[str, Any] = body
        return read

    status_of_bad_fields: ClassVar[int] = 400

    def count(self, documents: Sequence[Any]) -> None:
        """Refuse no documents, and too many."""
        if not documents:
            raise self.refuse(400, "invalid request: list of documents must not be empty")
        if len(documents) > self.limit:
            message = (
                f"invalid request: too many documents, {len(documents)} > {self.limit} documents allowed"
            )
            raise self.refuse(400, message)
