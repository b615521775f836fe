"""Copies keep the token of a component; its pickles do not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Self

from haystack.utils import Secret
from haystack.utils.auth import SecretType

__all__ = ["TokenStaysBehind"]


class TokenStaysBehind:
    """Keeps a token that was given as such out of pickles: each is a file on somebody's disk."""

    token: Secret | None

    def __getstate__(self) -> dict[str, Any]:
        token = self.token
        kept = None if token is not None and token.type is SecretType.TOKEN else token
        return {**self.__dict__, "token": kept}

    def __copy__(self) -> Self:
        return self._with({name: value for name, value in self.__dict__.items() if name != "_handle"})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._with(deepcopy(self.__dict__, memo))

    def _with(self, state: dict[str, Any]) -> Self:
        copied = type(self).__new__(type(self))
        # A handle of its own, so that closing a copy leaves the original at work.
        copied.__dict__.update({"_handle": deepcopy(self.__dict__["_handle"]), **state})
        return copied
