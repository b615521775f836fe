"""Handling of secrets in copies, which keep them, and in pickles, which do not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Self

from haystack.utils import Secret
from haystack.utils.auth import SecretType

__all__ = ["SecretsStayBehind"]


class SecretsStayBehind:
    """Mixin that keeps plain-text secrets out of pickles, because a pickle is a file on disk."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: None if _is_plain(value) else value for name, value in self.__dict__.items()}

    def __copy__(self) -> Self:
        return self._with({name: value for name, value in self.__dict__.items() if name != "_handle"})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._with(deepcopy(self.__dict__, memo))

    def _with(self, state: dict[str, Any]) -> Self:
        copied = type(self).__new__(type(self))
        # The copy gets its own handle, so that closing it does not close the original.
        copied.__dict__.update({"_handle": deepcopy(self.__dict__["_handle"]), **state})
        return copied


def _is_plain(value: object) -> bool:
    return isinstance(value, Secret) and value.type is SecretType.TOKEN
