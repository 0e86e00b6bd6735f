"""Refusals, a model's talk of itself, and what is left over from prompts and templates. Pure.

English, German, French and Spanish. A phrase is looked for in the response alone, where somebody who was asked says
it, and not where the instruction has it too, for example to be translated.
"""

from __future__ import annotations

import re

from gra.export.filters.words import prose

OPENING = 240
"""Characters in which a refusal begins; later ones are part of an answer."""
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "´": "'", "“": '"', "”": '"', "\u00a0": " "})

_MODEL = r"(?:ai|artificial intelligence|large language|language)(?:[ -](?:language|based))*"
_KI = r"(?:ki|künstliche intelligenz|ki-\w+|(?:gro(?:ß|ss)es )?sprachmodell)"
_IA_FR = r"(?:ia|intelligence artificielle|(?:grand )?mod[eè]le de langage|assistant (?:ia|virtuel))"
_IA_ES = (
    r"(?:ia|inteligencia artificial|(?:gran )?modelo (?:de lenguaje|ling[uü][ií]stico)|"
    r"asistente (?:de ia|virtual))"
)
_SELF = (
    rf"\bas an? {_MODEL}(?: (?:model|assistant|chatbot))?\b,? ?(?:i\b|it is|my|developed|trained|created)",
    r"\bas an? (?:ai |large )?language model\b",
    rf"\bi(?: am|'m) (?:just |only )?an? {_MODEL} (?:model|assistant|chatbot)\b",
    rf"\bals (?:eine? )?{_KI}\b",
    rf"\bich bin (?:nur |lediglich )?eine? {_KI}\b",
    rf"\ben tant qu(?:e |'){_IA_FR}\b",
    rf"\bje (?:ne )?suis (?:qu')?une? {_IA_FR}\b",
    rf"\bcomo (?:una? )?{_IA_ES}\b",
    rf"\bsoy (?:s[oó]lo )?una? {_IA_ES}\b",
    r"\b(?:as of )?my (?:last |latest )?(?:knowledge|training)(?: data)? (?:update|cut-?off)\b",
    r"\bmein\w* (?:letzten? )?(?:wissens|trainings)(?:stands?|daten)\b",
    r"\bma derni[eè]re mise [aà] jour\b|\bmi [uú]ltima actualizaci[oó]n\b",
)
_NOT = r"(?:can't|cannot|can not|won't|will not|(?:(?:i'm|i am) )?(?:unable|not able) to|must decline to)"
_DO = (
    r"(?:help|assist|answer|provide|fulfill?|comply|complete|do (?:that|this)|create|generate|write|access|respond|"
    r"engage|discuss|support|share|continue|retrieve|determine|estimate|display|browse|offer advice|"
    r"give (?:you )?(?:advice|medical|legal)|view|open|see (?:the|any|images)|process|perform|produce|identify|"
    r"translate|recommend|draw)"
)
_NICHT = r"[^.!?\n]{0,60}\b(?:nicht|keine?n?)\b"
_REFUSALS = (
    rf"\b(?:sorry|apologi[sz]e|apologies|afraid|unfortunately)\b[^.!?\n]{{0,60}}?\b{_NOT} (?:\w+ ){{0,3}}?{_DO}\b",
    rf"^\W*i (?:am )?{_NOT} (?:\w+ )?{_DO}\b",
    rf"\bes tut mir (?:sehr )?leid\b[^.!?\n]{{0,60}}\b(?:kann|darf)\b{_NICHT}",
    rf"^\W*(?:leider )?(?:kann|darf) ich (?:ihnen |dir |das |diese\w* |dabei )?{_NICHT}",
    rf"^\W*ich (?:kann|darf) (?:ihnen |dir |das |diese\w* |dabei |leider )*{_NICHT}[^.!?\n]{{0,30}}\b"
    r"(?:helfen|beantworten|erfüllen|nachkommen|unterstützen|bereitstellen|geben)\b",
    r"\b(?:désolée?|je m'excuse|je regrette)\b[^.!?\n]{0,30}\bje ne (?:peux|suis|puis)\b",
    r"^\W*je ne (?:peux|puis) (?:malheureusement )?pas (?:vous |t')?"
    r"(?:aider|répondre|fournir|accéder|satisfaire|donner)",
    r"\b(?:lo siento|lamento|perd[oó]n|disculpa)\b[^.!?\n]{0,30}\bno (?:puedo|me es posible|soy capaz)\b",
    r"^\W*(?:lamentablemente,? )?no puedo (?:ayudar|responder|proporcionar|cumplir|realizar|generar|crear|asistir)",
)
_LEFT_OVER = (
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|system|user|assistant|end)\|>",
    r"<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|<｜[^｜>]{1,40}｜>",
    r"^### ?(?:instruction|response|assistant|user|human) ?:\s*$",
    r"\blorem ipsum dolor\b",
    r"\A\W*assistant ?:\s",
    r"\[(?:insert|your|enter|add) [^\]\n]{1,40} here\]",
)
_BY_KIND = {"boilerplate": (*_SELF,), "left over": _LEFT_OVER}
_MADE = {kind: re.compile("|".join(each), re.IGNORECASE | re.MULTILINE) for kind, each in _BY_KIND.items()}
_REFUSAL = re.compile("|".join(_REFUSALS), re.IGNORECASE)


def found_refusal(instruction: str, response: str) -> str | None:
    """The words in which the response refuses; None if it does not."""
    opening = prose(response).translate(_APOSTROPHES).strip()[:OPENING]
    return _quoted(_REFUSAL, opening, instruction)


def found_boilerplate(instruction: str, response: str) -> str | None:
    """The words in which the response speaks of itself as a model, or those of a template; None if there are none."""
    text = prose(response).translate(_APOSTROPHES)
    return _quoted(_MADE["boilerplate"], text, instruction) or _quoted(_MADE["left over"], text, instruction)


def _quoted(phrases: re.Pattern[str], text: str, instruction: str) -> str | None:
    asked = instruction.translate(_APOSTROPHES).casefold()
    for match in phrases.finditer(text):
        found = match[0].strip()
        if found.casefold() not in asked:
            return found[:80]
    return None
