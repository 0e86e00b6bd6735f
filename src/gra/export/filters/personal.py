"""Data about a person: addresses, numbers of telephones, accounts and cards. Pure; what it finds it never repeats.

What has a checksum is checked, and what is set apart for examples is none: example.com (RFC 2606), 192.0.2.0/24 and
its like (RFC 5737), 555-0100 to 555-0199, the card numbers that payment services give for tests.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

_MAIL = re.compile(r"(?<![\w.+/:-])([A-Za-z0-9][\w.+-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})(?![\w-])")
_NOBODY = re.compile(
    r"(?i)(^|\.)(example|test|invalid|localhost|domain|yourdomain|company|yourcompany|email|mail|website|acme|abc|xyz)"
    r"(\.(com?|org|net|edu|io|de|fr|es|uk))+$|\.(example|test|invalid|localhost)$"
)
_NO_NAME = re.compile(r"(?i)^(your|my)?[._-]?(user(name)?|name|e?mail|info|support|contact|no-?reply|someone|foo)\d*$")
_PHONE = re.compile(
    r"(?<![\w+(.,/*=^-])(?:"
    r"\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ ./-]?\d{2,4}){2,4}"  # with the code of a country
    r"|\([2-9]\d\d\) ?[2-9]\d\d-\d{4}|[2-9]\d\d-[2-9]\d\d-\d{4}|[2-9]\d\d\.[2-9]\d\d\.\d{4}"  # North American
    r")(?![\w/*=^-]|[.,]\d)"
)
_IBAN = re.compile(r"\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b")
_CARD = re.compile(r"(?<![\w.,-])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d{2}([ -]?)\d{6}\2\d{5})(?![\w-]|[.,]\d)")
_IPV4 = re.compile(r"(?<![\w.:/-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.-]*\w)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?![\w:])")

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Characters of an account number by country (ISO 13616 registry)."""
TEST_CARDS = frozenset({
    "4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556", "5555555555554444",
    "5105105105105100", "5200828282828210", "2223003122003222", "378282246310005", "371449635398431",
    "6011111111111117", "6011000990139424", "30569309025904", "3566002020360505",
})  # fmt: skip
"""Numbers that payment services publish for tests."""
_RESOLVERS = frozenset(["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "208.67.220.220"])
"""Public addresses that are nobody's and stand in every tutorial."""


def found_personal(text: str) -> str | None:
    """What kind of personal data is in the text, in words without the data itself; None if there is none."""
    for what, found in _KINDS:
        if next(found(text), None):
            return what
    return None


def _mails(text: str) -> Iterator[str]:
    for match in _MAIL.finditer(text) if "@" in text else ():
        name, host = match.groups()
        if not _NOBODY.search(host) and not _NO_NAME.match(name):
            yield match[0]


def _phones(text: str) -> Iterator[str]:
    for match in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        made_up = re.search(r"555-?01\d\d$|555\d{4}$", digits) or len(set(digits[-7:])) < 3 or "1234567" in digits
        if 8 <= len(digits) <= 15 and not made_up and "4567890" not in digits:
            yield match[0]


def _ibans(text: str) -> Iterator[str]:
    for match in _IBAN.finditer(text):
        letters = match[1].replace(" ", "")
        length = IBAN_LENGTHS.get(letters[:2], 0)
        if length and len(letters) >= length and iban_is_valid(letters[:length]):
            yield match[0]


def _cards(text: str) -> Iterator[str]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if digits[0] in "23456" and digits not in TEST_CARDS and len(set(digits)) > 3 and luhn_is_valid(digits):
            yield match[0]


def _addresses(text: str) -> Iterator[str]:
    for match in (*_IPV4.finditer(text), *_IPV6.finditer(text)):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        before = text[max(0, match.start() - 12) : match.start()].casefold()
        version = re.search(r"v(ersion)?\.? ?$", before) or match[0].count(".0") > 1 or len(set(match[0])) < 4
        if address.is_global and match[0] not in _RESOLVERS and not version:
            yield match[0]


_KINDS = (
    ("an e-mail address", _mails),
    ("an account number (IBAN)", _ibans),
    ("a card number", _cards),
    ("a telephone number", _phones),
    ("an IP address", _addresses),
)


def iban_is_valid(letters: str) -> bool:
    """Whether the check digits are right: modulo 97 of the number that it becomes is 1 (ISO 7064)."""
    turned = letters[4:] + letters[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def luhn_is_valid(digits: str) -> bool:
    """Whether the last digit is right (ISO/IEC 7812-1)."""
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
