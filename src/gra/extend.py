"""What code of your own is written against: the protocols of everything that can be plugged in, and what they speak of.

docs/extending.md has an example of each. These names stay; where else they can be imported from may change.
"""

from __future__ import annotations

from gra.calls import Ask, CallId, Message, Reply, Request, Sampling, Usage
from gra.config.models import EndpointConfig, ModelConfig
from gra.config.synthesis import SynthesisConfig
from gra.errors import EndpointError, Refused
from gra.export.dataset import Exporter
from gra.export.rows import Row, conversation, metadata
from gra.export.whole_file import whole_file
from gra.llm.backend import Backend, EmbeddingBackend
from gra.records import Cast, Opinion, Sample, Stage, Verdict, Version
from gra.synthesis.casting import Able, Casting
from gra.synthesis.decide import Gate, usable
from gra.synthesis.evidence.verifier import Finding, Verifier
from gra.synthesis.plugged import PostProcessor, dropped
from gra.synthesis.reading import Matter, Reading

__all__ = [
    "Able",
    "Ask",
    "Backend",
    "CallId",
    "Cast",
    "Casting",
    "EmbeddingBackend",
    "EndpointConfig",
    "EndpointError",
    "Exporter",
    "Finding",
    "Gate",
    "Matter",
    "Message",
    "ModelConfig",
    "Opinion",
    "PostProcessor",
    "Reading",
    "Refused",
    "Reply",
    "Request",
    "Row",
    "Sample",
    "Sampling",
    "Stage",
    "SynthesisConfig",
    "Usage",
    "Verdict",
    "Verifier",
    "Version",
    "conversation",
    "dropped",
    "metadata",
    "usable",
    "whole_file",
]
