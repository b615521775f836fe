"""Selection of the engine: a server if `base_url` is set, else a model on this machine.

No other module makes this decision.
"""

from __future__ import annotations

from pertinence.embedder_options import EmbedderOptions
from pertinence.options import Options
from pertinence.scorer import Scorer
from pertinence.vectors import Vectoriser

__all__ = ["open_scorer", "open_vectoriser"]


def open_scorer(options: Options) -> Scorer:
    """Create the scorer that the options describe. Nothing is loaded and nothing is sent yet.

    Raises:
        OptionError: the options contradict each other, as far as this is known before loading or sending.
    """
    if options.base_url is not None:
        from pertinence.remote.scorer import RemoteScorer

        return RemoteScorer(options)
    from pertinence.local.serving.scorer import LocalScorer

    return LocalScorer(options)


def open_vectoriser(options: EmbedderOptions) -> Vectoriser:
    """Create the vectoriser that the options describe. Nothing is loaded and nothing is sent yet.

    Raises:
        OptionError: the options contradict each other.
    """
    if options.base_url is not None:
        from pertinence.remote.vectoriser import RemoteVectoriser

        return RemoteVectoriser(options)
    from pertinence.local.serving.vectoriser import LocalVectoriser

    return LocalVectoriser(options)
