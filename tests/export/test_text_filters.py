"""What filters find in texts, and what they leave alone. Keys and numbers here are made up, and put together at run
time so that scanners of this repository find none.
"""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.export.filters.boilerplate import found_boilerplate, found_refusal
from gra.export.filters.language import Languages
from gra.export.filters.personal import IBAN_LENGTHS, TEST_CARDS, found_personal, iban_is_valid, luhn_is_valid
from gra.export.filters.repetition import again, found_repetition
from gra.export.filters.secrets import found_secret
from gra.export.filters.words import words

RANDOM = "q7XzR2Lm9Kd4Wb8Tn1Vc6Yp3Hs5Jg0AfUeIoMwZkSxDyBtGv"
KEYS = {
    "a GitHub token": "ghp_" + RANDOM[:36],
    "a GitLab token": "glpat-" + RANDOM[:20],
    "a Slack token": f"xoxb-123917263548-918273645546-{RANDOM[:24]}",
    "a Stripe key": "sk_live_" + RANDOM[:24],
    "a Google API key": "AIza" + RANDOM[:35],
    "an Anthropic key": "sk-ant-api03-" + RANDOM,
    "an OpenAI key": "sk-proj-" + RANDOM,
    "a Hugging Face token": "hf_" + RANDOM[:34],
    "an npm token": "npm_" + RANDOM[:36],
    "an AWS access key": "AKIA" + "Q7ZR2LMKD4WBTNVC",
    "a password in a web address": "postgres://admin:" + RANDOM[:14] + "@db.intra.net:5432/x",
    "a private key": "-----BEGIN RSA " + f"PRIVATE KEY-----\n{RANDOM}\n{RANDOM}\n-----END",
    "an AWS secret key": f"aws_secret_access_key = {RANDOM[:40]}",
}


@pytest.mark.parametrize(("what", "key"), KEYS.items())
def test_a_key_is_found_wherever_it_stands_and_never_repeated(what: str, key: str) -> None:
    for text in (key, f'export KEY="{key}"', f"The key is {key}, keep it.", f"`{key}`"):
        assert found_secret(text) == what


@pytest.mark.parametrize(
    "text",
    [
        "sk-" + "x" * 40,
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_your_token_here_your_token_here_your_token",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "A private key begins with -----BEGIN RSA PRIVATE KEY----- in PEM.",
        "postgres://user:password@localhost:5432/db",
        "https://example.com/sk-learn-pipelines-and-other-stories-of-science",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
    ],
)
def test_a_placeholder_of_a_keys_shape_is_no_key(text: str) -> None:
    assert found_secret(text) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Write to j.keller84" + "@uni-ulm.de today.", "an e-mail address"),
        ("Pay to DE89 3704 0044 0532 0130 00 by Friday.", "an account number (IBAN)"),
        ("Pay to GB29NWBK60161331926819.", "an account number (IBAN)"),
        ("My card is 4539 1488 0343 6467.", "a card number"),
        ("Call +49 30 6432 9817 after six.", "a telephone number"),
        ("My number is (212) 664-7665.", "a telephone number"),
        ("He came from 84.112.37.201 again.", "an IP address"),
        ("Bound to 2a01:4f8:c17:b0f:1a2b:3c4d:5e6f:7a8b.", "an IP address"),
    ],
)
def test_personal_data_is_found(text: str, what: str) -> None:
    assert found_personal(text) == what


@pytest.mark.parametrize(
    "text",
    [
        "john.doe@example.com, info@company.com, someone@acme.org, user@mail.test",
        "Pay to DE88 3704 0044 0532 0130 00 by Friday.",  # a wrong check digit
        "The card 4539 1488 0343 6468 has a wrong last digit.",
        "Stripe's test card is 4242 4242 4242 4242.",
        "Call 555-0142 or (212) 555-0142, or 123-456-7890.",
        "Bind to 127.0.0.1, 192.168.0.1, 10.1.2.3 or 0.0.0.0; ask 8.8.8.8; see 192.0.2.17.",
        "Version 4.18.112.9 is out. Python v3.11.12.13.",
        "Pi is 3.14159265358979323846, and 2^64 is 18446744073709551616.",
        "1234-5678-9012 items, 2026-11-26, 12:30:45, 100.200.300.400",
        "In 2019-2020 we sold 100-200-3000 units; x = (555) + 123-4567 - 12",
        "print(f'{a}@{b}') @property @dataclass.field",
    ],
)
def test_what_only_looks_like_personal_data_is_left_alone(text: str) -> None:
    assert found_personal(text) is None


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.data())
def test_an_iban_with_one_digit_changed_is_none(country: str, data: st.DataObject) -> None:
    length = IBAN_LENGTHS[country] - 4
    account = data.draw(st.text(string.digits, min_size=length, max_size=length))
    check = 98 - int("".join(str(int(c, 36)) for c in f"{account}{country}00")) % 97
    iban = f"{country}{check:02d}{account}"
    assert iban_is_valid(iban)
    place = data.draw(st.integers(4, len(iban) - 1))
    other = data.draw(st.sampled_from([d for d in string.digits if d != iban[place]]))
    assert not iban_is_valid(iban[:place] + other + iban[place + 1 :])


@given(st.text(string.digits, min_size=15, max_size=15))
def test_exactly_one_last_digit_makes_a_card_number(beginning: str) -> None:
    assert sum(luhn_is_valid(beginning + last) for last in string.digits) == 1
    assert all(map(luhn_is_valid, TEST_CARDS))


@pytest.mark.parametrize(
    "response",
    [
        "I’m sorry, but I can’t help with that.",
        "I cannot assist with this request.",
        "Unfortunately, I am unable to provide medical advice.",
        "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
        "Leider kann ich diese Frage nicht beantworten.",
        "Je suis désolé, mais je ne peux pas répondre.",
        "Lo siento, pero no puedo ayudar con eso.",
    ],
)
def test_a_refusal_is_found_where_it_is_no_translation(response: str) -> None:
    assert found_refusal("Name a river.", response)
    assert found_refusal(f"Translate: {response}", response) is None


@pytest.mark.parametrize(
    "response",
    [
        "I'm sorry, but I'm unable to come into work today: I have a cold.",
        "Sorry for the delay! The river that you mean is the Nile.",
        "You cannot divide by zero. I can help with the limit, though.",
        "Ich kann leider nicht schwimmen, sagte der Fluss.",
        "The Nile. " * 30 + "I cannot answer more.",
    ],
)
def test_an_answer_that_says_sorry_is_no_refusal(response: str) -> None:
    assert found_refusal("Name a river.", response) is None


@pytest.mark.parametrize(
    ("response", "found"),
    [
        ("As an AI language model, I have no rivers.", True),
        ("Als KI-Sprachmodell kenne ich keine Flüsse.", True),
        ("En tant qu'intelligence artificielle, je n'en connais pas.", True),
        ("Como modelo de lenguaje, no conozco ríos.", True),
        ("The Nile.<|im_end|>", True),
        ("### Response:\nThe Nile.", True),
        ("The role of AI as an assistant is growing.", False),
        ("Large language models are trained on text; as an aid, they help.", False),
        ("```\n<|im_end|>\n```\nThis token ends a turn.", False),
    ],
)
def test_a_models_talk_of_itself_and_of_its_template_is_boilerplate(response: str, found: bool) -> None:
    assert bool(found_boilerplate("Name a river.", response)) is found


WATERS = ("rivers", "lakes", "seas", "ponds", "wells", "rain", "snow", "ice", "dew", "fog")
LIST = "\n".join(f"{n}. Point {n} of the list is about {thing} and what it does." for n, thing in enumerate(WATERS))


@pytest.mark.parametrize(
    "text",
    [
        "The Nile flows north. " * 8,
        "A good answer about rivers, and then" + " and then" * 20,
        "It is " + "very " * 14 + "long.",
        "The answer is 1" + "0" * 60,
        "\n".join(["The Nile is a river in Africa."] * 9),
        "Ha" * 30,
    ],
)
def test_text_that_goes_round_in_circles_is_found(text: str) -> None:
    assert found_repetition(text)


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        LIST,
        "No, no, no, no! He said no.",
        "a = [0, 0, 0, 0, 0, 0, 0, 0]",
        "|---|---|---|---|---|---|---|---|---|---|---|---|\n" + "-" * 80,
        "Row, row, row your boat gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28",
    ],
)
def test_lists_songs_and_rules_are_left_alone(text: str) -> None:
    assert found_repetition(text) is None


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 6))
def test_the_share_of_words_that_were_there_before_is_a_share(tokens: list[str], n: int) -> None:
    assert 0 <= again(tokens, n) <= 1
    assert again(tokens, n) == 0 or len(tokens) > n
    assert again([str(i) for i in range(40)], n) == 0


def test_languages_are_told_apart_where_there_is_enough_to_tell() -> None:
    english = Languages(("en",))
    assert english.other("The Nile is one of the longest rivers of the world, and it flows north into the sea.") is None
    german = "Der Nil ist einer der längsten Flüsse der Welt und fließt nach Norden in das Mittelmeer."
    assert english.other(german) == "is in `de`, not in `en`"
    assert Languages(("en", "de")).other(german) is None
    assert english.other("Guten Tag!") is None, "too short to be told"
    assert english.other(f"Say it:\n```\n{german}\n```\n") is None, "code is not looked at"


@given(st.text(max_size=300))
def test_no_text_breaks_a_filter(text: str) -> None:
    found_secret(text), found_personal(text), found_repetition(text), words(text)
    found_refusal(text, text), found_boilerplate(text, text)


def test_no_text_takes_a_filter_long() -> None:
    """Quadratic patterns would take hours here; pytest's own limit would end them."""
    for piece in (
        "a",
        "a ",
        "1",
        "1-",
        "a.",
        "@",
        "a@",
        "+1 ",
        "://a:",
        "\n",
        "sorry ",
        "-----BEGIN PRIVATE KEY-----",
        "eyJa",
    ):
        text = piece * (100_000 // len(piece))
        found_secret(text), found_personal(text), found_repetition(text)
        found_refusal("", text), found_boilerplate("", text)
