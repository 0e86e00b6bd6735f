"""What each filter of an export takes out of clean seeds, and what it finds of rows that were planted.

    python benchmarks/filters.py FOLDER [--embeddings]

FOLDER has alpaca_en_1k.json, self_instruct_seed_tasks.jsonl, gsm8k_train_1000.jsonl (clean seeds), gsm8k_test.jsonl and
humaneval.jsonl (benchmarks to plant). With --embeddings benchmarks are compared by meaning too, with all-MiniLM-L6-v2
as gra serves it (pulled if it is not here).
"""

from __future__ import annotations

import argparse
import random
import re
import string
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gra.config.export import ExportConfig
from gra.config.filter_names import FILTERS
from gra.config.load import config_from
from gra.config.material import SeedsConfig
from gra.engine.apart import embedded_apart
from gra.export.filters.chosen import chosen
from gra.export.filters.contamination import Item, Paraphrases, read_benchmark
from gra.export.filters.personal import luhn_is_valid
from gra.export.rows import Filter, LeftOut, Row
from gra.records import Cast, Sample, Version
from gra.synthesis.seeds import read_seeds

CLEAN = ("alpaca_en_1k.json", "self_instruct_seed_tasks.jsonl", "gsm8k_train_1000.jsonl")
BENCHMARKS = ("gsm8k_test.jsonl", "humaneval.jsonl")
COSINES = (0.75, 0.8, 0.85, 0.9, 0.95)
REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I cannot provide instructions for this.",
    "Unfortunately, I am unable to answer this question.",
    "I apologize, but I'm not able to assist with that.",
    "Sorry, I won't generate this kind of text.",
    "I must decline to answer that.",
    "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
    "Leider kann ich diese Frage nicht beantworten.",
    "Ich kann dieser Bitte leider nicht nachkommen.",
    "Es tut mir leid, ich darf dazu keine Auskunft geben.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Désolée, je ne suis pas en mesure de répondre à cette question.",
    "Je ne peux malheureusement pas fournir cette information.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Lamentablemente, no puedo responder a esta pregunta.",
    "Disculpa, no me es posible dar esa información.",
)
BOILERPLATE = (
    "As an AI language model, I do not have feelings, but blue is a fine colour.",
    "Blue is popular. As an AI, I have no favourite.",
    "I'm just an AI assistant, so take this with care: blue.",
    "As of my last knowledge update, blue was the answer.",
    "Als KI-Sprachmodell habe ich keine Lieblingsfarbe.",
    "Ich bin ein großes Sprachmodell und habe keine Gefühle.",
    "En tant que modèle de langage, je n'ai pas de couleur préférée.",
    "Je suis une intelligence artificielle, je n'ai pas d'avis.",
    "Como modelo de lenguaje, no tengo preferencias.",
    "Soy una inteligencia artificial y no tengo un color favorito.",
    "Blue.<|im_end|>\n<|im_start|>user",
    "### Response:\nBlue is the answer.",
)
OTHER = (
    "Der Nil ist mit 6650 Kilometern einer der längsten Flüsse der Erde und fließt von Süden nach Norden ins Meer.",
    "Le Nil est l'un des plus longs fleuves du monde et coule du sud vers le nord jusqu'à la mer Méditerranée.",
    "El Nilo es uno de los ríos más largos del mundo y fluye de sur a norte hasta desembocar en el mar Mediterráneo.",
    "O rio Nilo é um dos rios mais longos do mundo e corre do sul para o norte até desaguar no mar Mediterrâneo.",
    "Il Nilo è uno dei fiumi più lunghi del mondo e scorre da sud verso nord fino a sfociare nel mare Mediterraneo.",
    "尼罗河是世界上最长的河流之一，它自南向北流，最后注入地中海，沿岸是古代文明的发源地。",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--embeddings", action="store_true")
    args = parser.parse_args()
    clean = {name: [row(s.instruction, s.response) for s in seeds(args.folder / name)] for name in CLEAN}
    files = [args.folder / name for name in BENCHMARKS]
    false_alarms(clean, files)
    recall(clean, files)
    if args.embeddings:
        by_meaning(clean, [item for file in files for item in read_benchmark(file)])


def seeds(path: Path) -> Iterator[object]:
    yield from read_seeds(SeedsConfig(path=path)).seeds


def row(instruction: str, response: str, number: int = 0) -> Row:
    cast = Cast("writer", (), "")
    return Row(
        Sample(
            f"r01-{number:05d}", 1, number, "", cast, instruction=instruction, versions=(Version(0, response, cast),)
        ),
        "run",
    )


def filters_by_name(files: list[Path]) -> dict[str, Callable[[], Callable[[Row], LeftOut | None]]]:
    """A fresh filter of each name."""

    def one(**asked: object) -> Callable[[], Filter]:
        config = ExportConfig.model_validate({"filters": (), **asked})
        return lambda: next(iter([*(made := chosen(config)).screens, *made.filters]))

    named = {name: one(filters=(name,)) for name in FILTERS}
    return {**named, "contamination": one(contamination=files), "language": one(languages=("en",))}


def false_alarms(clean: dict[str, list[Row]], files: list[Path]) -> None:
    print("Rows of clean seeds that are left out, and microseconds a row\n")
    print("| filter | " + " | ".join(f"{name.split('.')[0]} ({len(rows)})" for name, rows in clean.items()) + " | us |")
    print("|---|" + "---|" * (len(clean) + 1))
    for name, make in filters_by_name(files).items():
        cells, spent = [], 0.0
        for rows in clean.values():
            says = make()
            begun = time.process_time()
            found = [(each, why) for each in rows if (why := says(each))]
            spent += time.process_time() - begun
            cells.append(f"{len(found)} ({len(found) / len(rows):.1%})")
            for each, why in found:
                print(f"{name}: {why.reason[:120]!r} of {each.sample.instruction[:60]!r}", file=sys.stderr)
        print(f"| {name} | {' | '.join(cells)} | {1e6 * spent / sum(map(len, clean.values())):.0f} |")


def recall(clean: dict[str, list[Row]], files: list[Path]) -> None:
    print("\nPlanted rows that are found\n\n| filter | planted | found |\n|---|---|---|")
    made = filters_by_name(files)
    rng = random.Random(0)
    base = [each for each in clean[CLEAN[0]] if len(each.sample.response.split()) > 30]
    for name, what, planted in plants(base, files, rng):
        says = made[name]()
        if name == "duplicates":  # a row is only a duplicate after its original
            pairs = list(zip(base, planted, strict=False))
            found = sum(says(first) is None and says(second) is not None for first, second in pairs)
            total = sum(1 for _ in pairs)
        else:
            found, total = sum(says(each) is not None for each in planted), len(planted)
        print(f"| {name} | {what} | {found} of {total} ({found / total:.0%}) |")


def plants(base: list[Row], files: list[Path], rng: random.Random) -> Iterator[tuple[str, str, list[Row]]]:
    """Filter, what is planted, and the rows."""
    texts = {file.name: [item.texts[0] for item in read_benchmark(file)] for file in files}
    for name, found in texts.items():
        yield "contamination", f"{name}, as it is", [row(text, "4") for text in found]
        shouted = [re.sub(r"[^\w\s]", " ", text.upper()) for text in found]
        yield "contamination", f"{name}, in capitals without punctuation", [row(text, "4") for text in shouted]
        inside = [row("What is this about?", f"Let us see. {text} That is all.") for text in found]
        yield "contamination", f"{name}, within a response", inside
        yield "contamination", f"{name}, every eighth word left out", [row(thinned(text), "4") for text in found]
    told = [f"Set the key to {token} and go on." for token in tokens(rng)]
    yield "secrets", "tokens of 18 shapes, random", [row("How do I log in?", text) for text in told]
    yield "personal", "mails, phones, IBANs, cards, addresses", [row("Who?", text) for text in persons(rng)]
    yield "refusals", "16 sentences in 4 languages", [row("Name a river.", text) for text in REFUSALS]
    yield "boilerplate", "12 sentences in 4 languages", [row("Name a colour.", text) for text in BOILERPLATE]
    yield "language", "6 sentences in 6 languages", [row("Describe the Nile.", text) for text in OTHER]
    for what, loop in loops().items():
        yield "repetition", what, [row(each.sample.instruction, loop(each.sample.response)) for each in base[:300]]
    for share in (0.0, 0.02, 0.05, 0.1, 0.2):
        changed = [row(e.sample.instruction, replaced(e.sample.response, share, rng)) for e in base[:300]]
        other = [row(f"{e.sample.instruction} Please.", c.sample.response) for e, c in zip(base, changed, strict=False)]
        yield "duplicates", f"another instruction by a word, {share:.0%} of the response's words replaced", other


def thinned(text: str) -> str:
    return " ".join(word for n, word in enumerate(text.split()) if n % 8 != 7)


def replaced(text: str, share: float, rng: random.Random) -> str:
    return " ".join("else" if rng.random() < share else word for word in text.split())


def loops() -> dict[str, Callable[[str], str]]:
    def first(text: str) -> str:
        return re.split(r"(?<=[.!?])\s", text)[0]

    return {
        "the last word 40 times more": lambda text: text + f" {text.split()[-1]}" * 40,
        "the last four words 15 times more": lambda text: text + f" {' '.join(text.split()[-4:])}" * 15,
        "the first sentence, 8 times": lambda text: f"{first(text)} " * 8,
        "one letter 200 times at the end": lambda text: text + "a" * 200,
        "the whole, three times": lambda text: "\n".join([text] * 3),
    }


def tokens(rng: random.Random) -> Iterator[str]:
    def some(n: int, of: str = string.ascii_letters + string.digits) -> str:
        return "".join(rng.choice(of) for _ in range(n))

    upper = string.ascii_uppercase + "234567"
    for _ in range(50):
        yield "AKIA" + some(16, upper)
        yield "ghp_" + some(36)
        yield "github_pat_" + some(22) + "_" + some(59)
        yield "glpat-" + some(20)
        yield f"xoxb-{some(12, string.digits)}-{some(12, string.digits)}-{some(24)}"
        yield f"https://hooks.slack.com/services/T{some(8, upper)}/B{some(8, upper)}/{some(24)}"
        yield "sk_live_" + some(24)
        yield "AIza" + some(35)
        yield "sk-ant-api03-" + some(93)
        yield "sk-proj-" + some(48)
        yield "hf_" + some(34)
        yield "pypi-AgEIcHlwaS5vcmc" + some(60)
        yield "npm_" + some(36)
        yield f"SG.{some(22)}.{some(43)}"
        yield f"{some(9, '123456789')}:AA{some(33)}"
        yield f"AccountKey={some(86)}=="
        yield f"postgres://admin:{some(14)}@db.intra.net:5432/x"
        yield f"-----BEGIN RSA PRIVATE KEY-----\n{some(64)}\n{some(64)}\n-----END RSA PRIVATE KEY-----"


def persons(rng: random.Random) -> Iterator[str]:
    def digits(n: int) -> str:
        return "".join(rng.choice(string.digits) for _ in range(n))

    for _ in range(50):
        name, host = rng.choice(("anna", "j.keller", "omar_s")), rng.choice(("gmail.com", "uni-ulm.de"))
        yield f"Write to {name}{digits(2)}@{host}"
        yield f"Call +49 {rng.choice(('30', '89', '711'))} {rng.choice('3456789')}{digits(3)} {digits(4)} after six."
        yield f"My number is (212) {rng.choice('234678')}{digits(2)}-{digits(4)}."
        bank = digits(18)
        yield f"Pay to DE{98 - int(bank + '131400') % 97:02d}{bank} by Friday."
        card = f"4{digits(14)}"
        card = next(card + str(n) for n in range(10) if luhn_is_valid(card + str(n)))
        yield f"The card is {card[:4]} {card[4:8]} {card[8:12]} {card[12:]}, valid until May."
        last = ".".join(str(rng.randint(11, 250)) for _ in range(3))
        yield f"He logged in from {rng.choice((84, 91, 178))}.{last} again."


def by_meaning(clean: dict[str, list[Row]], items: list[Item]) -> None:
    rows = [each for found in clean.values() for each in found]
    thin = [thinned(item.texts[0]) for item in items]
    new = [re.sub(r"\d+", lambda n: str(int(n[0]) + 3), item.texts[0]) for item in items]
    texts = [*(item.texts[0] for item in items), *(r.sample.instruction for r in rows), *thin, *new]
    config = config_from({"models": [f"m{n}" for n in range(4)], "target": 1} | {"models": [
        {"name": f"m{n}", "base_url": "http://127.0.0.1:1/v1"} for n in range(4)]})  # fmt: skip
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as logs:
        vectors = embedded_apart(config, texts, "", Path(logs))
    print(f"\nBy meaning: {len(texts)} texts embedded in {time.monotonic() - begun:.0f} s of wall time\n")
    known = dict(zip(texts, vectors, strict=True))
    bench = np.asarray(vectors[: len(items)])
    print("| cosine from | " + " | ".join(clean) + " | every eighth word left out | other numbers |\n" + "|---|" * 6)
    for cosine in COSINES:
        says = Paraphrases(items, bench, cosine, lambda each: known[each.sample.instruction])
        found: Counter[str] = Counter()
        for name, each in [(n, r) for n, rs in clean.items() for r in rs]:
            found[name] += says(each) is not None
        shares = [f"{found[n]} ({found[n] / len(rs):.1%})" for n, rs in clean.items()]
        for planted in (thin, new):
            hits = sum(says(row(text, "")) is not None for text in planted)
            shares.append(f"{hits / len(planted):.0%}")
        print(f"| {cosine} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
