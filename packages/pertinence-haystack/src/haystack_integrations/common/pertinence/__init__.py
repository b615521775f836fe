"""What the components of Pertinence in Haystack share."""

from __future__ import annotations

from haystack_integrations.common.pertinence.copies import SecretsStayBehind
from haystack_integrations.common.pertinence.forms import (
    check_forms,
    device_name,
    score_kind,
    text_with_meta,
)

__all__ = [
    "SecretsStayBehind",
    "check_forms",
    "device_name",
    "score_kind",
    "text_with_meta",
]
