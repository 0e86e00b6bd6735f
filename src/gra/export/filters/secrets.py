"""Keys, tokens and passwords of known shapes. Pure; what it finds it never repeats.

The shapes are those that the issuers document and that detect-secrets and gitleaks look for. A shape alone is not
enough: a placeholder of the same shape (`sk-xxxxxxxx`, `AKIAIOSFODNN7EXAMPLE`) is no secret.
"""

from __future__ import annotations

import math
import re
from collections import Counter

BITS = 3.0
"""Least Shannon entropy of what follows a token's prefix, in bits a character (gitleaks asks for 2 to 3.5)."""

_SHAPES: dict[str, tuple[str, str]] = {
    # what                     what is in every one   its shape; the group is what may not be a placeholder
    "an AWS access key": ("IA", r"\b(?:AKIA|ASIA)([A-Z2-7]{16})\b"),
    "a GitHub token": ("_", r"\b(?:gh[pousr]_|github_pat_)([A-Za-z0-9_]{36,255})\b"),
    "a GitLab token": ("glpat-", r"\bglpat-([A-Za-z0-9_-]{20,})"),
    "a Slack token": ("xox", r"\bxox[abeoprs]-((?:[0-9]+-)+[A-Za-z0-9-]{10,})"),
    "a Slack webhook": (
        "hooks.slack.com",
        r"https://hooks\.slack\.com/services/(T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/[A-Za-z0-9]{20,})",
    ),
    "a Stripe key": ("k_live_", r"\b[sr]k_live_([A-Za-z0-9]{20,})"),
    "a Google API key": ("AIza", r"\bAIza([A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    "an Anthropic key": ("sk-ant-", r"\bsk-ant-([A-Za-z0-9_-]{32,})"),
    "an OpenAI key": ("sk-", r"\bsk-(?!ant-)(?:proj-|svcacct-|admin-)?(?=[A-Za-z_-]*[0-9])([A-Za-z0-9_-]{32,})"),
    "a Hugging Face token": ("hf_", r"\bhf_([A-Za-z0-9]{30,})\b"),
    "a PyPI token": ("pypi-", r"\bpypi-(AgE[A-Za-z0-9_-]{50,})"),
    "an npm token": ("npm_", r"\bnpm_([A-Za-z0-9]{36})\b"),
    "a SendGrid key": ("SG.", r"\bSG\.([A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})"),
    "a Telegram bot's token": (":AA", r"\b[0-9]{8,10}:(AA[A-Za-z0-9_-]{33})(?![A-Za-z0-9_-])"),
    "an Azure storage key": ("AccountKey=", r"\bAccountKey=([A-Za-z0-9+/]{86}==)"),
    "a signed web token": ("eyJ", r"\beyJ[A-Za-z0-9_-]{10,}\.(eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,})"),
    "a password in a web address": (
        "://",
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:([^\s/:@]{6,64})@[^\s/]{1,253}\.[^\s/]",
    ),
    "an AWS secret key": ("ecret", r"(?i)secret[\w ]{0,20}[\"'\s:=]{1,6}([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"),
}
_TOKENS = [(what, mark, re.compile(shape)) for what, (mark, shape) in _SHAPES.items()]
_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\w+/=:,\s\\-]{0,400}?[A-Za-z0-9+/=]{24}", re.DOTALL
)
_PLACEHOLDER = re.compile(
    r"(?i)example|sample|dummy|fake|placeholder|redacted|your|changeme|password|secret|x{4,}|\*{3,}|\.{3}|1234567|abcdef"
)


def found_secret(text: str) -> str | None:
    """What kind of secret is in the text, in words without the secret itself; None if there is none."""
    if "PRIVATE KEY" in text and _BLOCK.search(text):
        return "a private key"
    for what, mark, shape in _TOKENS:
        for match in shape.finditer(text) if mark in text else ():
            if not _PLACEHOLDER.search(match[1]) and _entropy(match[1]) >= _least(match[1]):
                return what
    return None


def _least(token: str) -> float:
    """A short token cannot have much entropy: nearly all its characters must differ."""
    return min(BITS, math.log2(len(token)) - 0.8)


def _entropy(token: str) -> float:
    counts = Counter(token).values()
    return -sum(n / len(token) * math.log2(n / len(token)) for n in counts)
