"""Verdicts: tier, matches and evidence."""

from dataclasses import dataclass
from enum import StrEnum

from indexer.types.banks import BankKind
from indexer.types.completeness import SearchCompleteness
from indexer.types.described import described
from indexer.types.fusion import Contribution, Fusion, cost_of
from indexer.types.pictures import Part
from indexer.types.rulings import Action, PolicyCitation


class Tier(StrEnum):
    """How close a match is, strongest first."""

    EXACT = "exact"
    NEAR_DUPLICATE = "near_duplicate"
    LOOKALIKE = "lookalike"
    NONE = "none"


class Signal(StrEnum):
    """What decided a match."""

    SHA256 = "sha256"
    MD5 = "md5"
    PDQ = "pdq"
    EMBEDDING = "embedding"
    FUSED = "fused"
    GEOMETRY = "geometry"


class SuppressionKind(StrEnum):
    """What takes a match back."""

    ALLOW_ENTRY = "allow_entry"
    DECISION = "decision"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a stored image, or a bare fingerprint, compares with a query, signal by signal."""

    same_bytes: bool  # by SHA-256
    pdq_distance: int | None  # bits, least over the query's orientations; None when either is flat
    similarity: float | None  # cosine; None for a bare fingerprint, which has no embedding
    same_md5: bool = False  # of a bare MD5 only: where the bytes are known, SHA-256 tells better
    inliers: int | None = None  # details in the same arrangement; None where none were looked for
    contributions: tuple[Contribution, ...] = ()  # to the log-odds; none of a bare fingerprint

    @classmethod
    def by_embedding(cls, similarity: float, fusion: Fusion) -> "Evidence":
        """Return that of a cosine alone, the bias of its query taken as the usual one."""
        return cls(
            same_bytes=False,
            pdq_distance=None,
            similarity=similarity,
            contributions=fusion.contributions(similarity - fusion.bias, None),
        )

    @property
    def log_odds(self) -> float | None:
        """The sum of the contributions, in nats; None where nothing was weighed."""
        if not self.contributions:
            return None
        return sum([each.log_odds for each in self.contributions])  # a list: asked for very often

    def adding(self, contribution: Contribution) -> "Evidence":
        """Return it with one more contribution, if anything was weighed at all."""
        if not self.contributions:
            return self
        return Evidence(  # `replace` takes three times as long, and there are many
            self.same_bytes,
            self.pdq_distance,
            self.similarity,
            self.same_md5,
            self.inliers,
            (*self.contributions, contribution),
        )

    def among(self, comparisons: int) -> "Evidence":
        """Return it as that of the best of a number of comparisons."""
        return self.adding(Contribution("comparisons", comparisons, -cost_of(comparisons)))


@dataclass(frozen=True, slots=True)
class Judgement:
    """The tier that evidence reaches, and what decided it."""

    tier: Tier
    decided_by: Signal
    threshold: float | None  # bits for pdq, log-odds for fused, None for sha256 and md5
    threshold_source: str | None
    threshold_card: int | None = None  # id of the threshold card that it comes from


@described
@dataclass(frozen=True, slots=True)
class Suppression:
    """Suppression of a match: an allow entry, or an analyst's decision on exactly these bytes."""

    kind: SuppressionKind
    """allow_entry or decision."""
    bank: str | None
    """The allow bank, or the bank of the entry that was decided on; null for a stored image."""
    entry_id: int | None
    """The allow entry, or the entry that was decided on; null for a stored image."""
    decision_id: int | None
    """The decision; null for an allow entry."""


@described
@dataclass(frozen=True, slots=True)
class TemplateEvidence:
    """A frame that a query and a stored image share while they show different content."""

    id: int | None
    """The template; null for a frame that was recognised in this pair of images only."""
    seen_in: int | None
    """Stored images in which the template was found; null without a template."""
    discount: float
    """Nats of log-odds that were taken away, because the frame is no evidence of a copy."""
    pixels: bool
    """Whether pixels were compared; else only the pictures within both images."""


@described
@dataclass(frozen=True, slots=True)
class Match:
    """One stored image (or bank entry) that the query resembles, with the evidence."""

    tier: Tier
    """The tier of the match."""
    decided_by: Signal
    """The signal that decided the tier."""
    threshold: float | None
    """The threshold of that signal: bits for pdq, log-odds for fused; null for sha256 and md5."""
    threshold_source: str | None
    """Origin of the threshold: request, card, settings or model; null without a threshold."""
    threshold_card: int | None
    """The threshold card that it comes from, if any."""
    similarity: float | None
    """Cosine similarity of the embeddings, -1 to 1, higher is closer; null for a fingerprint."""
    pdq_distance: int | None
    """Hamming distance in bits, 0 to 256, the minimum over 8 orientations; null if not measured."""
    log_odds: float | None
    """Log-odds of a copy by all signals, in nats, higher is closer; orders a tier."""
    bank: str | None
    """The bank of the entry; null for a gallery image that is in no bank."""
    bank_kind: BankKind | None
    """block accuses, allow excuses."""
    entry_id: int | None
    """The bank's entry."""
    image_id: int | None
    """The stored image; null for an entry that is a bare fingerprint."""
    source: str | None
    """The first source of the stored image; null if it has no source left."""
    suppressed_by: Suppression | None
    """The allow entry or decision that suppresses this match."""
    part: Part | None = None
    """The part of the stored image that decided; null for the whole first frame."""
    query_part: Part | None = None
    """The part of the query that matched; null for the whole first frame."""
    inliers: int | None = None
    """Local features in the same geometric arrangement; null if they were not compared."""
    evidence: tuple[Contribution, ...] = ()
    """What each signal adds to the log-odds, which is their sum; none for a fingerprint."""
    template: TemplateEvidence | None = None
    """The frame that both images share, which was taken off the evidence; null if there is none."""


@described
@dataclass(frozen=True, slots=True)
class VerdictCluster:
    """The cluster of stored images that a query belongs to."""

    id: int
    """The cluster's identity, kept from run to run."""
    name: str
    """Name of the cluster: generated, or given by an analyst."""
    run_id: int
    """The cluster run that found it."""
    similarity: float
    """Cosine similarity of the query to the cluster's medoid, -1 to 1."""


@described
@dataclass(frozen=True, slots=True)
class Opinion:
    """What a further classifier says of an image."""

    classifier: str
    """Its name in the settings."""
    probabilities: dict[str, float]
    """Its class probabilities by label."""
    unsafe: float | None
    """Sum of those of its classes that stand for unsafe content; null if it has none."""


@described
@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one query: its strongest tier, with the evidence."""

    query: str
    """File name of the query."""
    tier: Tier
    """The strongest tier of the matches that are neither suppressed nor from an allow bank."""
    banks: tuple[str, ...]
    """The block banks of those matches, strongest first."""
    hits: tuple[int, ...]
    """All entries of block banks behind those matches, strongest first; not limited by k."""
    matches: tuple[Match, ...]
    """Strongest first."""
    probabilities: dict[str, float]
    """The model's class probabilities by label."""
    model: str
    """Fingerprint of the embedding space of the similarities."""
    sha256: str
    """SHA-256 of the query's bytes, hexadecimal."""
    pdq: str
    """PDQ of the query, hexadecimal."""
    pdq_quality: int
    """0 to 100; a picture below the threshold of the settings is not compared by PDQ."""
    watermark: int
    """The last change of the log that the search has seen."""
    completeness: SearchCompleteness
    """Whether the search may have missed anything: of banks never, of the gallery it says."""
    cluster: VerdictCluster | None = None
    """The cluster of the newest run over all images whose reach includes the query; else null."""
    opinions: tuple[Opinion, ...] = ()
    """Opinions of the further classifiers that the settings name; none of a stored image."""
    is_disputed: bool = False
    """Whether some classifiers call the image unsafe and others do not: a reason for review."""
    nearest: Match | None = None
    """If nothing matched, the nearest image or entry, with the threshold it missed; else null."""
    action: Action | None = None
    """What the policy says to do: allow, review or block; null while no policy is in force."""
    policy: PolicyCitation | None = None
    """The policy behind the action, and its rules that applied; null with the action."""


@described
@dataclass(frozen=True, slots=True)
class PartialVerdict:
    """The answer to a vector or a fingerprint."""

    query: str
    """The query: vector, or the kind and hexadecimal of the fingerprint."""
    tier: Tier
    """The strongest tier of the matches that are neither suppressed nor from an allow bank."""
    banks: tuple[str, ...]
    """The block banks of those matches, strongest first."""
    hits: tuple[int, ...]
    """All entries of block banks behind those matches, strongest first; not limited by k."""
    matches: tuple[Match, ...]
    """Strongest first."""
    model: str
    """Fingerprint of the embedding space of the index."""
    watermark: int
    """The last change of the log that the search has seen."""
    completeness: SearchCompleteness
    """Whether the search may have missed anything: of banks never, of the gallery it says."""
    action: Action | None = None
    """What the policy says to do: allow, review or block; null while no policy is in force."""
    policy: PolicyCitation | None = None
    """The policy behind the action, and its rules that applied; null with the action."""


@described
@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedding and class probabilities of one image."""

    query: str
    """File name of the query."""
    embedding: tuple[float, ...]
    """Embedding of its whole first frame, of unit length."""
    dimension: int
    """Length of the embedding."""
    model: str
    """Fingerprint of the model's embedding space."""
    probabilities: dict[str, float]
    """The model's class probabilities by label."""


@described
@dataclass(frozen=True, slots=True)
class Classification:
    """The class probabilities of one image."""

    query: str
    """File name of the query."""
    probabilities: dict[str, float]
    """The model's class probabilities by label."""
    model: str
    """Fingerprint of the model's embedding space."""
    opinions: tuple[Opinion, ...] = ()
    """Opinions of the further classifiers that the settings name."""
    is_disputed: bool = False
    """Whether some classifiers call the image unsafe and others do not: a reason for review."""
    action: Action | None = None
    """What the policy's rules on classes say to do; null if none of its rules is on classes."""
    policy: PolicyCitation | None = None
    """The policy behind the action, and its rules that applied; null with the action."""
