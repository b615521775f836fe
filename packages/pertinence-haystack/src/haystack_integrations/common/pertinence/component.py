"""Base class of every Pertinence component for Haystack: options, lifecycle and serialization."""

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
    Base class of a component that passes its parameters to the core, under Haystack's names for them.

    A subclass declares its additional parameters. Its constructor calls `_keep`, and `_ready` at the end.
    `_keep` makes an attribute of every parameter, so that a value that is set later applies from the next
    run.
    """

    _kind: ClassVar[type[Options]] = Options
    # Haystack's name of an option, by the core's name.
    _words: ClassVar[Mapping[str, str]] = {}

    # Names of the constructor's parameters, without `self`.
    _parameters: ClassVar[tuple[str, ...]]

    # Parameters that every component has; `_keep` sets them.
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
        # Inspect `__init__`, not the class: Haystack's metaclass hides the constructor behind its own
        # `__call__`.
        cls._parameters = tuple(inspect.signature(cls.__init__).parameters)[1:]

    def to_dict(self) -> dict[str, Any]:
        """
        Serialize the component. A secret that is not an environment variable cannot be serialized.

        :returns: JSON-able data.
        :raises ValueError: The token or the key was given as plain text.
        """
        return default_to_dict(self, **{name: deepcopy(getattr(self, name)) for name in self._parameters})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """
        Deserialize the component that `to_dict` wrote.

        :param data: Output of `to_dict`; it is not changed.
        :returns: A component with the same parameters.
        """
        # Copy the data, so that the component shares no list with it: others may read the data again.
        loaded: Self = default_from_dict(cls, deepcopy(data))
        return loaded

    def warm_up(self) -> None:
        """Load the model now instead of on first use; do nothing if it is already loaded."""
        self._opened().warm_up()

    async def warm_up_async(self) -> None:
        """Run `warm_up` without blocking the event loop."""
        await self._opened().awarm_up()

    def close(self) -> None:
        """Release the model. It is loaded again if the component is used again."""
        self._handle.close()

    async def close_async(self) -> None:
        """Run `close` without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def _opened(self) -> Reranker | Embedder:
        """Return the reranker or embedder of the component, with nothing loaded yet."""
        raise NotImplementedError

    def _keep(self, given: Mapping[str, Any]) -> None:
        """Set an attribute for each parameter of the constructor, from its `locals()`."""
        for name in self._parameters:
            setattr(self, name, given[name])

    def _ready(self) -> Options:
        """
        Check all parameters now, before anything is loaded, so that invalid ones do not fail later.

        :returns: The options, without secrets.
        :raises OptionError: A parameter has a value that is not accepted.
        """
        self._handle = Handle()
        check_forms(vars(self))
        options = options_from(self._values(), self._words, self._kind)
        # Keep paths as strings, because a component's attributes must be writable as YAML.
        self.model, self.cache_folder = options.model, options.cache_folder
        return options

    def _options(self, **changes: Any) -> Options:
        """Return the current options; a change that is not None replaces the component's own value."""
        # Resolve secrets only here: a component can be created and serialized without them.
        secrets = {name: resolved(name, getattr(self, name)) for name in ("token", "api_key")}
        return options_from({**self._values(**changes), **secrets}, self._words, self._kind)

    def _values(self, **changes: Any) -> dict[str, Any]:
        """Return the values of all parameters that are options, without secrets, in plain types."""
        names = {self._words.get(name, name) for name in self._kind.names()} - {"token", "api_key"}
        values = {name: getattr(self, name) for name in self._parameters if name in names}
        values |= {name: value for name, value in changes.items() if value is not None}
        return {**values, "device": device_name(self.device)}
