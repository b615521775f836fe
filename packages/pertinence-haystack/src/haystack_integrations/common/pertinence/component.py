"""What every component of Pertinence in Haystack has: options, a life, and a written form."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar, Self

from haystack import default_from_dict, default_to_dict
from haystack.utils import ComponentDevice, Secret

from haystack_integrations.common.pertinence.copies import SecretsStayBehind
from haystack_integrations.common.pertinence.forms import check_forms, device_name, resolved
from pertinence import Embedder, Reranker
from pertinence.integration import BackendName, DtypeName, Handle, Options, options_from

__all__ = ["API_KEY", "TOKEN", "PertinenceComponent"]

TOKEN = Secret.from_env_var(["HF_API_TOKEN", "HF_TOKEN"], strict=False)
API_KEY = Secret.from_env_var("PERTINENCE_API_KEY", strict=False)


class PertinenceComponent(SecretsStayBehind):
    """
    A component that passes its parameters on to the core, under Haystack's names for them.

    A subclass declares what it has besides, and its constructor calls `_keep`, which makes an attribute of
    every parameter, so that one that is set later counts from the next run, and `_ready` at the end.
    """

    _kind: ClassVar[type[Options]] = Options
    # Haystack's name for an option, by the core's.
    _words: ClassVar[Mapping[str, str]] = {}

    # The names of the constructor's parameters, less `self`.
    _parameters: ClassVar[tuple[str, ...]]

    # Those that every component has; `_keep` sets them.
    model: str | None
    device: ComponentDevice | None
    backend: BackendName
    dtype: DtypeName
    max_length: int | None
    batch_tokens: int | None
    max_queued: int | None
    trust_remote_code: bool
    revision: str | None
    token: Secret | None
    cache_folder: str | None
    local_files_only: bool
    model_kwargs: dict[str, Any] | None
    base_url: str | None
    dialect: str | dict[str, Any] | None
    api_key: Secret | None
    timeout: float
    max_retries: int
    concurrency: int
    headers: dict[str, str] | None
    verify: bool | str
    proxy: str | None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Of the constructor itself: Haystack's metaclass hides it behind a call of its own.
        cls._parameters = tuple(inspect.signature(cls.__init__).parameters)[1:]

    def to_dict(self) -> dict[str, Any]:
        """
        Write the component out; a secret that is no environment variable cannot be written.

        :returns: JSON-able data.
        :raises ValueError: The token or the key was given as such.
        """
        return default_to_dict(self, **{name: deepcopy(getattr(self, name)) for name in self._parameters})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """
        Read the component that `to_dict` wrote.

        :param data: What it wrote; it is left as it is.
        :returns: A component with the same parameters.
        """
        # Copied, so that the component shares no list with what others may read again.
        loaded: Self = default_from_dict(cls, deepcopy(data))
        return loaded

    def warm_up(self) -> None:
        """Load the model now rather than on first use; once it is loaded, do nothing."""
        self._opened().warm_up()

    async def warm_up_async(self) -> None:
        """`warm_up` for an event loop, which stays free meanwhile."""
        await self._opened().awarm_up()

    def close(self) -> None:
        """Give the model back; it is loaded anew if the component is used again."""
        self._handle.close()

    async def close_async(self) -> None:
        """`close` for an event loop."""
        await asyncio.to_thread(self.close)

    def _opened(self) -> Reranker | Embedder:
        """What answers, with nothing loaded yet."""
        raise NotImplementedError

    def _keep(self, given: Mapping[str, Any]) -> None:
        """Make attributes of a constructor's parameters, out of its `locals()`."""
        for name in self._parameters:
            setattr(self, name, given[name])

    def _ready(self) -> Options:
        """
        Refuse now what could only fail later, before anything is loaded.

        :returns: The options, less the secrets.
        :raises OptionError: A value that a parameter does not take.
        """
        self._handle = Handle()
        check_forms(vars(self))
        options = options_from(self._values(), self._words, self._kind)
        # Paths become text here: what a component holds must be writable as YAML.
        self.model, self.cache_folder = options.model, options.cache_folder
        return options

    def _options(self, **changes: Any) -> Options:
        """The options as they are now, with those of a call in place of the component's where not None."""
        # Secrets are resolved when they are needed: a component is made and written out without them.
        secrets = {name: resolved(name, getattr(self, name)) for name in ("token", "api_key")}
        return options_from({**self._values(**changes), **secrets}, self._words, self._kind)

    def _values(self, **changes: Any) -> dict[str, Any]:
        """The values of all parameters that are options, less the secrets, in the core's plain form."""
        names = {self._words.get(name, name) for name in self._kind.names()} - {"token", "api_key"}
        values = {name: getattr(self, name) for name in self._parameters if name in names}
        values |= {name: value for name, value in changes.items() if value is not None}
        return {**values, "device": device_name(self.device)}
