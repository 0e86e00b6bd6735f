"""In which language a text is, told by py3langid (the extra `language`: NumPy and a model of 5 MB, no network)."""

from __future__ import annotations

from typing import Any

from gra.errors import ConfigError, MissingExtra
from gra.export.filters.words import prose, words

LEAST_WORDS = 12
"""Of prose. Shorter texts are not judged."""
SURE = 0.95
"""Probability that a language must have to count, in [0, 1]."""


class Languages:
    """Says which texts are certainly in none of some languages.

    Args:
        wanted: ISO 639-1 codes.

    Raises:
        MissingExtra: py3langid is not installed.
        ConfigError: it does not know a language.
    """

    def __init__(self, wanted: tuple[str, ...]) -> None:
        try:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier
        except ImportError:
            raise MissingExtra("The filter `language`", "language") from None
        self._identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._wanted = wanted
        if unknown := sorted(set(wanted) - set(self._identifier.labels)):
            raise ConfigError(
                f"no language goes by {', '.join(f'`{code}`' for code in unknown)}; name languages by their code of "
                "two letters, for example en, de, fr, es, zh"
            )

    def other(self, text: str) -> str | None:
        """What is wrong with the text's language, in words; None if nothing is, or it is too short to be told."""
        plain = prose(text)
        if len(words(plain)) < LEAST_WORDS:
            return None
        code, probability = self._identifier.classify(plain)
        if code in self._wanted or probability < SURE:
            return None
        return f"is in `{code}`, not in {' or '.join(f'`{each}`' for each in self._wanted)}"
