"""Do the trainers take what `gra export` writes? Asked of the trainers themselves, as they are installed.

    python benchmarks/consumers.py [--python VENV/bin/python ...] [--consumers trl,axolotl]

Makes a run of made-up samples (no model takes part), exports all forms and recipes of it, and has every consumer that
the given Pythons have installed read all that is meant for it:

datasets      every file, and every form of the datasets folder by its name
trl           its own command's parser on the recipes, then its own SFT, DPO and KTO trainers for two steps on a Llama
              of two layers with random weights, which also show that further columns do no harm
llamafactory  its list of datasets and its converter on every row, then its own training by the recipes, two steps of it
axolotl       its configuration class on the recipes, and its dataset strategies on every row

Trainers and gra do not share an environment: give a throwaway one to each. Only `--check FOLDER` runs there, which
needs nothing of gra. What cannot be had on a machine without a GPU (DeepSpeed, FlashAttention, bfloat16) is set aside
before a recipe is parsed; the script says so. A trainer that is not installed is named as such.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import json
import os
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROWS = 40
GPU_ONLY = {
    "trl": {"deepspeed": None, "attn_implementation": "eager", "dtype": "float32", "bf16": False},
    "llamafactory": {"deepspeed": None, "flash_attn": "auto", "bf16": False, "preprocessing_num_workers": 1},
    "axolotl": {},
}
"""What a recipe asks for that this machine cannot have."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, nargs="*", default=[Path(sys.executable)])
    parser.add_argument("--consumers", default=",".join(CHECKS))
    parser.add_argument("--check", type=Path, help="an export to check with what this Python has installed")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check.absolute(), arguments.consumers.split(","))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = exported(Path(temporary))
        for python in arguments.python:
            print(f"# {python.name}", flush=True)
            quiet = {
                "TRANSFORMERS_VERBOSITY": "error",
                "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
                "TQDM_DISABLE": "1",
                "HF_HUB_OFFLINE": "1",
                "DISABLE_VERSION_CHECK": "1",
                "HF_HOME": f"{temporary}/hf",
                "WANDB_DISABLED": "1",
            }
            command = [python.absolute(), __file__, "--check", folder, "--consumers", arguments.consumers]
            subprocess.run(command, check=True, env={**os.environ, **quiet})


def exported(below: Path) -> Path:
    """An export of everything, of a run of made-up samples, divided."""
    import asyncio

    from gra.export import Format, Recipe, Wanted, write_folder
    from gra.ids import sample_id
    from gra.records import Cast, Sample, Status, Verdict, Version
    from gra.store.reader import Reader
    from gra.store.run_dir import create_run
    from gra.store.writer import Writer

    cast = Cast("writer", ("one", "two"), "judge")

    def made(n: int) -> Sample:
        versions = (
            Version(0, f"I would rather not think about {n * 37}.", cast, verdict=Verdict("reject", 3.0, 0.5, "3")),
            Version(
                1,
                f"Item {n} is number {n * 37} of the list \u2603 {{}}</s>.",
                cast,
                verdict=Verdict("accept", 8.0, 0.5, "8"),
            ),
        )
        return Sample(
            sample_id(1, n), 1, n, "Math", cast, keywords=(f"item {n}", "list"),
            instruction=f"{n * 7919} or {n * 104729}?",
            versions=versions, status=Status.ACCEPTED, score=8.0,
        )  # fmt: skip

    run = create_run(below / "run", {"fingerprint": "v1:sha256:0", "config": {"seed": 0}})

    async def fill() -> None:
        async with Writer(run) as writer:
            await writer.open_round(1, ROWS)
            for n in range(ROWS):
                await writer.put_sample(made(n))

    asyncio.run(fill())
    wanted = Wanted(list(Format), list(Recipe), test_share=0.2)
    with Reader(run) as reader:
        return write_folder([reader], wanted, below / "dataset").path


def check(folder: Path, consumers: list[str]) -> None:
    os.chdir(folder)  # where the recipes are started
    failed = False
    for name in consumers:
        try:
            found = version(name)
        except PackageNotFoundError:
            print(f"{name}: not installed here")
            continue
        try:
            print(f"{name} {found}: {CHECKS[name](folder)}", flush=True)
        except Exception as error:  # noqa: BLE001 (all of them are to be told)
            failed = True
            traceback.print_exc()
            print(f"{name} {found}: FAILED with {type(error).__name__}: {error}", flush=True)
    if failed:
        raise SystemExit(1)


def with_datasets(folder: Path) -> str:
    from datasets import load_dataset

    manifest = json.loads((folder / "manifest.json").read_text())
    data = [file for file in manifest["files"] if "rows" in file]
    for file in data:
        kind = "parquet" if file["path"].endswith(".parquet") else "json"
        loaded = load_dataset(kind, data_files=str(folder / file["path"]), split="train")
        assert len(loaded) == file["rows"], file["path"]
    forms = {Path(file["path"]).parent.name for file in data if file["format"] == "datasets"}
    for form in forms:
        sides = load_dataset(str(folder), form)
        assert {name: len(rows) for name, rows in sides.items()} == {
            file["split"]: file["rows"] for file in data if Path(file["path"]).parent == Path("data", form)
        }
    return f"{len(data)} files, {len(forms)} forms of the folder by name"


def with_trl(folder: Path) -> str:
    from datasets import load_dataset
    from trl import KTOConfig, KTOTrainer
    from trl.scripts import dpo, sft

    done = []
    with tempfile.TemporaryDirectory() as temporary:
        model = tiny_model(Path(temporary))
        for stage, script in (("sft", sft), ("dpo", dpo)):
            arguments = [
                "--config", f"recipes/trl.{stage}.yaml", "--model_name_or_path", str(model),
                "--output_dir", f"{temporary}/{stage}", "--max_steps", "2", "--use_cpu", "True",
            ]  # fmt: skip
            config = Path(temporary, f"{stage}.yaml")
            config.write_text(without(folder / f"recipes/trl.{stage}.yaml", GPU_ONLY["trl"]))
            arguments[1] = str(config)
            script.main(*script.make_parser().parse_args_and_config(args=arguments, fail_with_unknown_args=True))
            done.append(stage)
        config = KTOConfig(
            output_dir=f"{temporary}/kto", max_steps=2, use_cpu=True, report_to="none", bf16=False,
            per_device_train_batch_size=4,
        )  # fmt: skip
        rows = load_dataset(str(folder), "unpaired-preference", split="train")
        from transformers import AutoTokenizer

        KTOTrainer(
            str(model), args=config, train_dataset=rows, processing_class=AutoTokenizer.from_pretrained(model)
        ).train()
    return f"recipes parsed; trained two steps each: {', '.join(done)}, kto"


def with_llama_factory(folder: Path) -> str:
    for name in ("torchaudio", "torchdata"):
        stub(name)
    from llamafactory.data.converter import AlpacaDatasetConverter
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.train.tuner import run_exp

    info = json.loads((folder / "llama-factory/dataset_info.json").read_text())
    rows = 0
    for attributes in get_dataset_list(list(info), "llama-factory"):
        convert = AlpacaDatasetConverter(attributes, None)
        for line in (folder / "llama-factory" / attributes.dataset_name).read_text("utf-8").splitlines():
            found = convert(json.loads(line))
            answers = [turn["content"] for turn in found["_response"]]
            assert found["_prompt"][0]["content"] and any(answers), line
            assert len(answers) == (1 if "sft" in attributes.dataset_name else 2), line
            rows += 1
    with tempfile.TemporaryDirectory() as temporary:
        model = tiny_model(Path(temporary, "model"))
        for stage in ("sft", "dpo"):
            plain = recipe(folder, f"llama-factory.{stage}.yaml", "llamafactory")
            here = {"model_name_or_path": str(model), "output_dir": f"{temporary}/{stage}", "max_steps": 2}
            run_exp({**plain, **here, "use_cpu": True, "overwrite_cache": True})
    return f"{len(info)} datasets, {rows} rows converted; recipes parsed, and trained two steps each: sft, dpo"


def with_axolotl(folder: Path) -> str:
    from axolotl.prompt_strategies.dpo.chat_template import default
    from axolotl.utils.dict import DictDefault
    from axolotl.utils.schemas.config import AxolotlInputConfig
    from transformers import AutoTokenizer

    for stage in ("sft", "dpo"):
        plain = recipe(folder, f"axolotl.{stage}.yaml", "axolotl")
        stanza = read_yaml(folder / f"axolotl/datasets.{stage}.yaml")
        assert {key: plain[key] for key in stanza} == stanza
        found = AxolotlInputConfig(**plain)
        assert found.datasets and str(found.datasets[0].path).startswith("axolotl/")
        unknown = set(plain) - set(AxolotlInputConfig.model_fields)
        assert not unknown, unknown
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = AutoTokenizer.from_pretrained(tiny_model(Path(temporary)))
        transform, _ = default(DictDefault({**plain, "chat_template": "tokenizer_default"}))
        lines = (folder / "axolotl/dpo.train.jsonl").read_text("utf-8").splitlines()
        for line in lines:
            row = json.loads(line)
            done = transform(row, tokenizer=tokenizer)
            assert row["messages"][0]["content"] in done["prompt"] and done["chosen"].startswith(
                row["chosen"]["content"]
            )
        chats = axolotl_chats(folder, tokenizer)
    return f"recipes and stanzas validated; {chats} conversations and {len(lines)} pairs through its strategies"


def axolotl_chats(folder: Path, tokenizer: Any) -> int:
    from axolotl.prompt_strategies.chat_template import StrategyLoader
    from axolotl.utils.dict import DictDefault

    plain = recipe(folder, "axolotl.sft.yaml", "axolotl")
    entry = plain["datasets"][0]
    strategy = StrategyLoader()(tokenizer, DictDefault({**plain, "chat_template": "tokenizer_default"}), ds_cfg=entry)
    lines = (folder / entry["path"]).read_text("utf-8").splitlines()
    for line in lines:
        row = json.loads(line)
        done = strategy.tokenize_prompt(row)
        trained = [token for token, label in zip(done["input_ids"], done["labels"], strict=True) if label != -100]
        assert row["messages"][1]["content"] in tokenizer.decode(trained), line
        assert row["messages"][0]["content"] not in tokenizer.decode(trained), line
    return len(lines)


CHECKS: dict[str, Callable[[Path], str]] = {
    "datasets": with_datasets,
    "trl": with_trl,
    "llamafactory": with_llama_factory,
    "axolotl": with_axolotl,
}


def tiny_model(folder: Path) -> Path:
    """A Llama of two layers with random weights, and a tokenizer of bytes with a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate(["<pad>", "<end>", *alphabet])}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<end>")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<end>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(vocabulary), max_position_embeddings=4096, **size)).save_pretrained(
        folder
    )
    tokenizer.save_pretrained(folder)
    return folder


def recipe(folder: Path, name: str, consumer: str) -> dict[str, Any]:
    """A recipe's values, without what this machine cannot have."""
    plain = read_yaml(folder / "recipes" / name)
    changed = {key: value for key, value in GPU_ONLY[consumer].items() if key in plain}
    return {key: value for key, value in {**plain, **changed}.items() if value is not None}


def without(path: Path, changes: dict[str, Any]) -> str:
    import yaml

    plain = {**read_yaml(path), **changes}
    return yaml.safe_dump({key: value for key, value in plain.items() if value is not None})


def read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    plain: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return plain


def stub(name: str) -> None:
    """An empty module in the place of one that is not installed and that texts do not need."""
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)


if __name__ == "__main__":
    main()
