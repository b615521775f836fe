"""The suites over the smallest adapters there can be: what they prove here is the core itself."""

from __future__ import annotations

from conformance.adapters import PlainDriver, PlainEmbedderDriver

from pertinence.testing.conformance import EmbedderConformance, PerCallConformance
from support.conformance import (
    EmbeddedConformance,
    LocalConformance,
    LocalVectorsConformance,
    RemoteVectorsConformance,
)
from support.remote import RemoteConformance


class TestPlainReranker(PerCallConformance):
    driver = PlainDriver()


class TestEmbeddedDefault(EmbeddedConformance):
    driver = PlainDriver()


class TestModelOfThisMachine(LocalConformance):
    driver = PlainDriver()


class TestServer(RemoteConformance):
    driver = PlainDriver()


class TestPlainEmbedder(EmbedderConformance):
    driver = PlainEmbedderDriver()


class TestEmbeddingModelOfThisMachine(LocalVectorsConformance):
    driver = PlainEmbedderDriver()


class TestServerOfVectors(RemoteVectorsConformance):
    driver = PlainEmbedderDriver()
