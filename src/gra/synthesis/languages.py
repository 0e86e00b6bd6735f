"""The little that breaking a text has to know of its language: English, German, French and Spanish.

Knows no grammar. A text in another language has no language here, and the faults that need one do not apply to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Language:
    """The words that faults are made of."""

    common: frozenset[str]
    """Short words by which a text of this language is known."""
    negations: Mapping[str, str]
    """What stands where it said the opposite."""
    negative: frozenset[str]
    """Words that negate what stands beside them, so that it is left alone."""
    refusal: str
    polite: str
    """Courtesy that answers nothing."""
    foreign: str
    """A text that says nothing in particular, for seeds in other languages."""
    vague: tuple[str, str]
    """In place of a number, and in place of a name."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGES: Mapping[str, Language] = {
    "en": Language(
        _words("the and of to is that it for with are this be was by you from have not can which your what how name"),
        {
            "is": "is not",
            "are": "are not",
            "was": "was not",
            "were": "were not",
            "can": "cannot",
            "will": "will not",
            "should": "should not",
            "has": "does not have",
            "have": "do not have",
            "must": "must not",
            "cannot": "can",
        },
        _words("not never no"),
        "I'm sorry, but as an AI language model I cannot help with that.",
        "Thank you for your question! This is a very interesting topic, and I am happy to help you with it. Please let "
        "me know if there is anything else that you need.",
        "That is a good question. There is much to say about it, and the answer depends on what exactly is meant.",
        ("some", "it"),
    ),
    "de": Language(
        _words("der die das und ist nicht ein eine zu den mit auf für von dem sich des werden wird sind im wie einen"),
        {
            "ist": "ist nicht",
            "sind": "sind nicht",
            "war": "war nicht",
            "kann": "kann nicht",
            "können": "können nicht",
            "wird": "wird nicht",
            "werden": "werden nicht",
            "hat": "hat nicht",
            "soll": "soll nicht",
            "sollte": "sollte nicht",
            "muss": "darf nicht",
        },
        _words("nicht nie kein keine"),
        "Es tut mir leid, aber als KI-Sprachmodell kann ich dabei nicht helfen.",
        "Vielen Dank für Ihre Frage! Das ist ein sehr spannendes Thema, und ich helfe Ihnen gern dabei. Lassen Sie "
        "mich wissen, wenn Sie noch etwas brauchen.",
        "Das ist eine gute Frage. Dazu gibt es vieles zu sagen, und die Antwort hängt davon ab, was genau gemeint ist.",
        ("einige", "es"),
    ),
    "fr": Language(
        _words("le la les et est des une un du dans que qui pour pas sur avec ce sont au vous plus par quel"),
        {
            "est": "n'est pas",
            "sont": "ne sont pas",
            "était": "n'était pas",
            "peut": "ne peut pas",
            "peuvent": "ne peuvent pas",
            "doit": "ne doit pas",
            "sera": "ne sera pas",
            "permet": "ne permet pas",
        },
        _words("pas ne jamais"),
        "Je suis désolé, mais en tant que modèle de langage je ne peux pas vous aider.",
        "Merci pour votre question ! C'est un sujet très intéressant, et je suis heureux de vous aider. N'hésitez pas "
        "à me dire s'il vous faut autre chose.",
        "C'est une bonne question. Il y a beaucoup de choses à dire, et la réponse dépend de ce qu'on entend par là.",
        ("quelques", "cela"),
    ),
    "es": Language(
        _words("el los las y es una un del que en por con para no se su al son está más como qué"),
        {
            "es": "no es",
            "son": "no son",
            "era": "no era",
            "está": "no está",
            "están": "no están",
            "puede": "no puede",
            "pueden": "no pueden",
            "debe": "no debe",
            "tiene": "no tiene",
            "será": "no será",
        },
        _words("no nunca"),
        "Lo siento, pero como modelo de lenguaje no puedo ayudar con eso.",
        "¡Gracias por su pregunta! Es un tema muy interesante, y me alegra ayudarle. Dígame si necesita algo más.",
        "Es una buena pregunta. Hay mucho que decir, y la respuesta depende de lo que se entienda por ello.",
        ("algunos", "eso"),
    ),
}
LEAST_SHARE = 0.08
"""Of a text's words, those that have to be common ones of a language for the text to be in it."""


def language_of(text: str) -> str | None:
    """Which of the four languages a text is in, by its common words; None if none shows, or two show alike."""
    words = [word.casefold() for word in _WORD.findall(text)]
    known = sorted(((sum(w in language.common for w in words), code) for code, language in LANGUAGES.items()))
    (second, _), (most, code) = known[-2:]
    return code if most > second and most >= LEAST_SHARE * len(words) else None
