"""Which wing answers: a server if `base_url` names one, else a model on this machine. Decided here alone."""

from __future__ import annotations

from pertinence.embedder_options import EmbedderOptions
from pertinence.options import Options
from pertinence.scorer import Scorer
from pertinence.vectors import Vectoriser

__all__ = ["open_scorer", "open_vectoriser"]


def open_scorer(options: Options) -> Scorer:
    """What scores as the options ask; nothing is loaded and nothing sent yet.

    Raises:
        OptionError: options that do not go together, as far as can be told without loading or asking.
    """
    if options.base_url is not None:
        from pertinence.remote.scorer import RemoteScorer

        return RemoteScorer(options)
    from pertinence.local.serving.scorer import LocalScorer

    return LocalScorer(options)


def open_vectoriser(options: EmbedderOptions) -> Vectoriser:
    """What embeds as the options ask; nothing is loaded and nothing sent yet.

    Raises:
        OptionError: options that do not go together.
    """
    if options.base_url is not None:
        from pertinence.remote.vectoriser import RemoteVectoriser

        return RemoteVectoriser(options)
    from pertinence.local.serving.vectoriser import LocalVectoriser

    return LocalVectoriser(options)
