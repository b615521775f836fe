"""Common code of the Pertinence components for Haystack."""

from __future__ import annotations

from haystack_integrations.common.pertinence.component import API_KEY, TOKEN, PertinenceComponent
from haystack_integrations.common.pertinence.forms import score_kind
from haystack_integrations.common.pertinence.texts import read

__all__ = ["API_KEY", "TOKEN", "PertinenceComponent", "read", "score_kind"]
