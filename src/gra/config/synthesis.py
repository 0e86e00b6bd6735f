"""What is synthesised: the identity of a run. Every field enters the fingerprint. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gra.config.criteria import CriteriaConfig
from gra.config.material import DocumentsConfig, ExamConfig, SeedsConfig
from gra.config.models import EmbeddingConfig, ModelConfig
from gra.config.plugin import Plugin, PluginCasting, PluginGate, PluginReading
from gra.config.questions import DEAR_FORMS, QuestionsConfig
from gra.config.settings import Settings
from gra.config.taxonomy import PAPER_DOMAINS, Domain, Leaf, leaves, shares_given, taxonomy_problem
from gra.config.verifiers import CodeVerifier, PluginVerifier, RelevanceVerifier, Verifier
from gra.prompts.prompt_set import PromptSet, problems_of

ALL_SEEDS = 0
"""The target of a refinement that names none."""


class SamplingConfig(Settings):
    """How replies are drawn for one kind of work."""

    temperature: float = Field(default=0.8, ge=0, le=2)
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: int = Field(default=1024, ge=1)
    """Longest reply in tokens."""


class PaperGate(Settings):
    """The paper's rule (section 3.3): unanimous veto, then mean and population deviation over reviewers."""

    type: Literal["paper"] = "paper"
    tau: float = Field(default=8.0, ge=0, le=10)
    """TAU: least mean score, on the 1-10 scale, that is kept."""
    sigma_max: float = Field(default=1.5, ge=0)
    """SIGMA_MAX: largest population standard deviation of the reviewers' means before a sample is disputed."""


class SeedsGate(Settings):
    """Judges a sample by where it stands among the user's own seeds and their broken twins, reviewer by reviewer.

    With fewer than four seeds, gra's own general exercises stand beside them (docs/exam.md).
    """

    type: Literal["seeds"] = "seeds"
    exam: int = Field(default=24, ge=4, le=512)
    """Seeds, and as many broken twins, that a reviewer reads at most before the run; half where that makes it clear."""
    honeypots: int = Field(default=0, ge=0, le=64)
    """Pairs of its exam that every judge reads again before each later round; that one differs is told."""
    keep_above: float = Field(default=0.25, ge=0, lt=1)
    """A response passes if the committee ranks it above this share of the seeds' own responses."""
    keep_instructions_above: float = Field(default=0.10, ge=0, lt=1)
    """The same for the instruction."""
    dispute_band: float = Field(default=0.10, ge=0, lt=0.5)
    """Scores within this rank of the threshold, either side, go to the Adjudicator."""


class CalibratedGate(Settings):
    """Keeps what is good with the precision that is asked for, as far as the reviewers' exams tell."""

    type: Literal["calibrated"] = "calibrated"
    exam: int = Field(default=24, ge=4, le=512)
    """Seeds, and as many broken twins, that a reviewer reads at most before the run; half where that makes it clear."""
    honeypots: int = Field(default=1, ge=0, le=64)
    """Pairs of its exam that every judge reads again before each later round; that one differs is told."""
    recalibrate: bool = False
    """Set the gate anew before each later round, by what reviewers said of the candidates so far and by honeypots: with
    a higher bar or the same, never a lower one. What was learned is told in any case."""
    keep_precision: float = Field(default=0.8, ge=0.5, le=0.99)
    """Share of the accepted responses that is to be good. The bar is put as low as the exams allow for it."""
    good_share: float = Field(default=0.5, ge=0.01, le=0.99)
    """Share of all responses that are good, as far as you know before: with fewer good ones the bar is higher."""
    keep_instructions_above: float = Field(default=0.10, ge=0, lt=1)
    """An instruction passes if the committee rates it above this share of the seeds'."""
    doubt: float = Field(default=0.5, ge=0, le=3)
    """What lies nearer to the bar than this many standard errors of the exam is disputed."""


class RandomCasting(Settings):
    """The paper's: every sample has a cast of its own, drawn at random, all different models."""

    policy: Literal["random"] = "random"


class AdaptiveCasting(Settings):
    """A cast of its own for every sample, drawn by what models have shown.

    Generators by accepted samples for their cost, in each domain, in the rounds before; reviewers by how well they tell
    good from broken for their cost; adjudicators by how well alone.
    Without the exam of the `seeds` or `calibrated` gate nobody knows that of judges, and they are drawn evenly.
    """

    policy: Literal["adaptive"] = "adaptive"
    explore: float = Field(default=0.2, gt=0, le=1)
    """Part of every draw that does not look at merit, so that each model goes on being tried. 1 is `random`."""
    cap: float = Field(default=0.6, ge=0.1, le=1)
    """Largest share of a part that one model has, where there are enough others."""


class FixedCasting(Settings):
    """Every sample has the same cast."""

    policy: Literal["fixed"] = "fixed"
    generator: str
    """Name of a model of the pool; its `roles` do not matter here."""
    reviewers: tuple[str, ...] = ()
    """Names of others. With `review: one` the first of them reviews."""
    adjudicator: str | None = None
    """Name of one more, where there is an `adjudication` by a model."""


class SingleCasting(Settings):
    """One model plays all parts, and is the one Reviewer of its own work."""

    policy: Literal["single"] = "single"
    model: str
    """Name of a model of the pool; its `roles` do not matter here."""


class RevisionConfig(Settings):
    """When a new response takes the place of the one that it was written for."""

    accept: Literal["pairwise", "verdict"] = "pairwise"
    """`pairwise`: it must first be preferred to that one, blind and in both orders, by those of its cast who can tell;
    then it is reviewed like any other. `verdict`: the review alone decides, as in the paper's refinement. Who can tell
    is found out by an exam in pairs, with a gate that holds exams; where nobody of a cast can, the review decides."""
    when: Literal["it_pays", "mendable"] = "it_pays"
    """Which rejected responses get one, with the `calibrated` gate: those that, by what earlier rounds have shown,
    promise at least as many accepted samples for their cost as new candidates do (`it_pays`), or all that are not
    hopeless (`mendable`), as in the first round and with any other gate. For none, set `max_revisions: 0`."""


class Budget(Settings):
    """Where to stop short of the target, in good order with what there is; a full round still gets its summaries."""

    candidates_per_accepted: float = Field(default=10.0, ge=1)
    """Give up on a round after its target times this many candidates."""
    calls: int | None = Field(default=None, ge=1)
    """Model calls in all."""
    tokens: int | None = Field(default=None, ge=1)
    """Prompt and completion tokens in all, cached ones counted too."""
    compute: float | None = Field(default=None, gt=0)
    """Billions of parameters times millions of tokens in all: prompt tokens that were not cached, and completions. All
    models have to be of the catalogue or say their `parameters`."""
    money: float | None = Field(default=None, gt=0)
    """Cost in all, in `currency`; embeddings are not counted. All models have to be of the catalogue or have a
    `price`."""
    energy_wh: float | None = Field(default=None, gt=0)
    """Watt-hours in all: what this machine measures, and for models that it does not an estimate, both together
    (docs/performance.md). All models have to be of the catalogue or say their `parameters` or `joules`."""
    minutes: float | None = Field(default=None, gt=0)
    """Wall time of one attempt, looked at before each call. What waits for a silent server is bound by
    `engine.patience_s` instead."""


EXAMINING = (SeedsGate, CalibratedGate)
"""The gates that are set by reviewers' exams on the seeds."""
Gate = Annotated[PaperGate | SeedsGate | CalibratedGate | PluginGate, Field(discriminator="type")]
Casting = Annotated[
    RandomCasting | AdaptiveCasting | FixedCasting | SingleCasting | PluginCasting, Field(discriminator="policy")
]
BRANCHES = ("by name", "by code")
"""What the validator calls the two ways to say a reading; no keys are called so."""
Reading = Annotated[
    Annotated[Literal["auto", "written", "probability"], Tag(BRANCHES[0])] | Annotated[PluginReading, Tag(BRANCHES[1])],
    Discriminator(lambda given: BRANCHES[not isinstance(given, str)]),
]
Allocation = Literal["seeds", "uniform", "quota"]


def _default_gate(given: dict[str, Any]) -> Gate:
    return SeedsGate() if given.get("seeds") else PaperGate()


def _default_verifiers(given: dict[str, Any]) -> tuple[Verifier, ...]:
    return (RelevanceVerifier(),) if isinstance(given.get("gate"), EXAMINING) else ()


def _default_allocation(given: dict[str, Any]) -> Allocation:
    return "seeds" if given.get("seeds") and not shares_given(given.get("domains", ())) else "quota"


class SynthesisConfig(Settings):
    """Everything that decides what the dataset will be."""

    task: Literal["synthesise", "refine"] = "synthesise"
    """`synthesise` makes new samples after the pattern of the seeds. `refine` keeps the seeds' instructions and writes
    their responses anew, where that makes them better; it needs `seeds`, and knows no `documents` or `allocation`."""
    seeds: SeedsConfig | None = None
    """Without seeds, the first round is made from `domains` (and `documents`) alone."""
    documents: DocumentsConfig | None = None
    models: tuple[ModelConfig, ...] = Field(min_length=1)
    target: int = Field(default=None, ge=1, validate_default=True)
    """Samples to accept, over all rounds. Needed, but `refine` may leave it out: all seeds."""
    rounds: int = Field(default=1, ge=1)
    """Rounds of growing the pool; each asks for an equal share of the target and learns from those before. `refine`
    has one."""
    reviewers: int = Field(default=2, ge=1, le=64)
    """N_R: reviewers drawn for every version of every sample."""
    casting: Casting = RandomCasting()
    """Who plays which part: drawn for every sample, evenly (`random`) or by merit (`adaptive`), the same for all
    samples, or one model for everything. The first two may be given by their names alone."""
    review: Literal["committee", "one", "none"] = "committee"
    """Who judges what is written: a committee of `reviewers`, the first of them alone, or nobody. With `none` whatever
    is usable passes, no exam is held, and duplicates are found in the order of the candidates' numbers."""
    adjudication: Literal["model", "majority", "none"] = "model"
    """How a disputed response is settled: by an Adjudicator, by the majority of the reviewers' own votes (a tie
    rejects), or not at all, so that it is rejected. Only `model` casts an Adjudicator."""
    max_revisions: int = Field(default=1, ge=0, le=8)
    """How often a rejected but mendable response goes back to its Generator. The paper has none."""
    revision: RevisionConfig = RevisionConfig()
    """What a revision, or in `refine` a new response, must do to replace what was there before."""
    reading: Reading = "auto"
    """How an opinion is read: from what the reviewer writes, from the probabilities of a one-token answer, or by code
    of your own. `auto` takes probabilities wherever the endpoint returns them."""
    questions: QuestionsConfig = QuestionsConfig()
    opinions: Literal["always", "when_needed"] = "when_needed"
    """Ask every reviewer, or only until nobody who is left could change what becomes of the sample. The dataset is the
    same; with `when_needed` some reviews on record say that they were not asked for, and why."""
    comments: Literal["always", "when_read"] = "when_read"
    """With `probability`: ask each reviewer for a comment on every response, or only where an Adjudicator or a
    Generator is about to read it. The dataset is the same."""
    gate: Gate = Field(default_factory=_default_gate)
    """By default `seeds`; `paper` where there are no seeds."""
    exam: ExamConfig | None = None
    """Labelled answers of your own in the exam of the `seeds` and `calibrated` gates."""
    verifiers: tuple[Verifier, ...] = Field(default_factory=_default_verifiers)
    """Who else judges a response, beside the reviewers, by what it measures; each sits their exam and has the weight
    that it has shown there. By default `relevance` where the gate sets an exam. With `review: none` there are none."""
    examples: tuple[int, int] = (2, 4)
    """Least and most few-shot examples from the pool."""
    response_examples: int = Field(default=2, ge=0, le=8)
    """How many of a sample's examples its response is shown, answers and all, to take length and manner from. The
    paper shows none. Those longer than 1,500 characters are left out."""
    dedup_below: float = Field(default=0.9, gt=0, le=1)
    """A sample joins the pool only if its cosine to everything there is below this."""
    domains: tuple[Domain, ...] = PAPER_DOMAINS
    allocation: Allocation = Field(default_factory=_default_allocation)
    """How samples are divided among domains: as the `seeds` are (begun in that proportion), `uniform`, or by `quota`
    (each domain's `share`). The last two are met by what is accepted. By default `quota` where a share is given or
    there are no seeds, else `seeds`."""
    language: str = Field(default="English", min_length=1, max_length=64)
    """What instructions, responses, keywords, summaries and comments are asked for in. Questions with a one-token
    answer and the names of domains stay as they are (docs/prompts.md)."""
    prompts: Mapping[str, str] = {}
    """Prompts of your own in place of bundled ones, by name: each a file, or its text; or a folder of files NAME.txt
    for all of them. The texts are kept with the run (docs/prompts.md)."""
    criteria: CriteriaConfig = CriteriaConfig()
    generation: SamplingConfig = SamplingConfig()
    """How keywords, instructions and responses are drawn."""
    judging: SamplingConfig = SamplingConfig(temperature=0.2, top_p=0.9, max_tokens=512)
    """How written reviews, comments, rulings and annotations are drawn."""
    postprocess: tuple[Plugin, ...] = ()
    """Code of your own that sees every sample that passed, in this order, before de-duplication: it may drop it, or add
    notes to it."""
    embeddings: EmbeddingConfig = EmbeddingConfig(catalogue="all-minilm-l6-v2")
    budget: Budget = Budget()
    currency: str = Field(default="USD", min_length=1, max_length=8)
    """What prices and `budget.money` are in; a name, nothing is converted."""
    random_seed: int = Field(default=0, ge=0, lt=2**63)
    """Every random draw of the run derives from this."""

    @field_validator("target", mode="wrap")
    @classmethod
    def _all_seeds(cls, target: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> int:
        if not target and info.data.get("task") == "refine":
            return ALL_SEEDS
        if target is None:
            raise PydanticCustomError("missing", "missing")
        checked: int = check(target)
        return checked

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The domains that samples are about."""
        return tuple(leaves(self.domains))

    @field_validator("prompts")
    @classmethod
    def _prompts_fit(cls, prompts: Mapping[str, str]) -> Mapping[str, str]:
        found = [f"`{name}`: {problem}" for name, text in prompts.items() for problem in problems_of(name, text)]
        if found:
            raise ValueError("; ".join(found))
        return prompts

    @property
    def plugins(self) -> Mapping[str, Plugin]:
        """The user's own code by the key that names it, models' backends left out."""
        found = {f"postprocess.{number}": plugin for number, plugin in enumerate(self.postprocess)}
        found |= {
            f"verifiers.{n}": verifier for n, verifier in enumerate(self.verifiers) if isinstance(verifier, Plugin)
        }
        given = {"gate": self.gate, "casting": self.casting, "reading": self.reading}
        return found | {key: plugin for key, plugin in given.items() if isinstance(plugin, Plugin)}

    @property
    def examines(self) -> bool:
        """Whether reviewers sit an exam: with a gate that is set by exams, where there are reviewers."""
        return isinstance(self.gate, EXAMINING) and self.review != "none"

    @property
    def compares(self) -> bool:
        """Whether judges are examined in pairs: exams count, and a new response may come beside an old one."""
        beside = self.max_revisions > 0 or self.task == "refine"
        return self.examines and beside and self.revision.accept == "pairwise"

    @property
    def runs_code(self) -> bool:
        """Whether what models write is run: a sandbox is needed."""
        return self.examines and any(isinstance(verifier, CodeVerifier) for verifier in self.verifiers)

    @property
    def templates(self) -> PromptSet:
        """The prompts of the run by name."""
        return PromptSet(self.prompts)

    @property
    def in_language(self) -> str:
        """What prompts say of the language, with a blank before it; nothing for English, which they are in."""
        language = " ".join(self.language.split())
        return "" if language.casefold() == "english" else f" Write in {language}."

    @model_validator(mode="after")
    def _names_unique(self) -> Self:
        names = [m.name for m in self.models]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"model names must differ; given twice: {', '.join(twice)}")
        low, high = self.examples
        if not 1 <= low <= high <= 8:
            raise ValueError("`examples` must be two numbers with 1 <= least <= most <= 8")
        if problem := taxonomy_problem(self.domains):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _exam_there(self) -> Self:
        names = [v.name if isinstance(v, PluginVerifier) else v.type for v in self.verifiers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"`verifiers` must differ; given twice: {', '.join(twice)}")
        if self.verifiers and isinstance(self.gate, PaperGate):
            raise ValueError(
                "`verifiers` are weighed by an exam, which the `paper` gate does not set. Leave them out, or choose "
                "`gate: {type: seeds}`"
            )
        if self.questions != QuestionsConfig() and not isinstance(self.gate, EXAMINING):
            raise ValueError(
                "`questions` are chosen by an exam, which this gate does not set: all are asked, after the prompt's "
                "examples. Leave them out, or choose `gate: {type: seeds}`"
            )
        return self

    @model_validator(mode="after")
    def _forms_can_be_asked(self) -> Self:
        if self.reading == "written" and (asked := [form for form in self.questions.forms if form in DEAR_FORMS]):
            raise ValueError(
                f"`questions.forms`: `{asked[0]}` reads the probability of an answer, and `reading: written` "
                "reads none. Leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _seeds_there(self) -> Self:
        if self.seeds is None and self.task == "refine":
            raise ValueError("`task: refine` works on your own seeds, and there are none. Give `seeds`")
        if self.documents and self.task == "refine":
            raise ValueError(
                "`task: refine` keeps the seeds' instructions, so it has no use for `documents`. Leave them out"
            )
        if self.seeds is None and self.allocation == "seeds":
            raise ValueError("`allocation: seeds` needs `seeds`. Give some, or choose `quota` or `uniform`")
        return self


def bounded(config: SynthesisConfig, seeds: int) -> SynthesisConfig:
    """A refinement has one round and cannot be asked for more than there are seeds; otherwise as it is."""
    if config.task != "refine":
        return config
    return config.model_copy(update={"rounds": 1, "target": min(config.target or seeds, seeds)})
