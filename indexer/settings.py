"""Settings of the indexer, read from LOOKALIKE_* variables."""

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from indexer.errors import SettingsError
from indexer.runtime.cpu import usable_cores

PREFIX = "LOOKALIKE_"
SERVE_PREFIX = "LOOKALIKE_SERVE_"  # search_api's settings
_AUDIT_KEY = "LOOKALIKE_AUDIT_KEY"
SHIPPED_MODEL = "shipped"  # reference of the model that comes with the package

Runtime = Literal["auto", "torch", "onnx"]
QueryViews = Literal["none", "trim", "insets", "crops"]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture may cost; each is checked before pixels are decoded."""

    max_bytes: int
    max_pixels: int
    max_frames: int
    max_side: int = 65_535
    max_aspect: float = 100.0


@dataclass(frozen=True, slots=True)
class TileRules:
    """Which pictures are cut into tiles, and into how many at most."""

    min_side: int  # pixels; a picture whose longer side reaches it is cut
    min_aspect: float  # longer side over shorter side; a picture that reaches it is cut
    most: int


class Settings(BaseSettings):
    """Where the index lives, what it accepts and when two pictures match."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Path = Field(
        default_factory=lambda: Path.home() / ".lookalike",
        description="Folder that holds all state: the SQLite database and the view snapshots.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the metadata database; by default SQLite in the home folder.",
    )
    vectors: SecretStr | None = Field(
        default=None,
        description="URL of a vector engine for the gallery's embeddings, such as qdrant://host:6333; by default they are searched in this process.",
    )
    vectors_timeout: float = Field(
        default=5.0, gt=0, description="Seconds that a vector engine has to answer a search."
    )
    model: str | None = Field(
        default=None,
        description="Model directory or hf-hub:owner/name; by default the index's model, or the shipped one.",
    )
    device: str = Field(default="auto", description="Torch device; auto uses a GPU if present.")
    runtime: Runtime = Field(
        default="auto",
        description="Runtime of the model: torch, onnx (ONNX Runtime, CPU), or auto: onnx on a CPU if its results agree with torch's.",
    )
    opinions: str | None = Field(
        default=None,
        description="Further classifiers to ask about a query, comma-separated: open_nsfw, a JSON description, a model directory or hf-hub:owner/name; by default none.",
    )
    generator: str = Field(
        default="tiny",
        min_length=1,
        description="Pipeline that lookalike generate draws with: a folder of diffusers, hf-hub:owner/name, or tiny, which comes with the package.",
    )
    unsafe_classes: str = Field(
        default="porn,hentai,nsfw,unsafe,explicit",
        min_length=1,
        description="Classes of any classifier that stand for unsafe content, comma-separated; case does not matter. Classifiers disagree if some give them at least 0.5 together and others do not.",
    )
    model_cache: Path | None = Field(
        default=None,
        description="Folder of models exported for ONNX Runtime; by default lookalike/models in the user's cache ($XDG_CACHE_HOME or ~/.cache).",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Minimum level of logged messages."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log format: text or json."
    )
    max_image_bytes: int = Field(
        default=32 * 2**20, gt=0, description="Maximum file size, in bytes."
    )
    max_image_pixels: int = Field(
        default=64_000_000, gt=0, description="Maximum image size: width times height."
    )
    max_image_side: int = Field(
        default=65_535,
        gt=0,
        description="Maximum side of an image, in pixels; the default is JPEG's own limit.",
    )
    max_image_aspect: float = Field(
        default=100.0,
        ge=1,
        description="Maximum aspect ratio, longer side over shorter; web comics in one strip reach 80.",
    )
    max_image_frames: int = Field(
        default=1_000, gt=0, description="Maximum frames of an animation."
    )
    frames: int = Field(
        default=4,
        ge=0,
        description="Maximum number of further frames of an animation to match.",
    )
    tile_min_side: int = Field(
        default=1024,
        gt=0,
        description="Minimum longer side, in pixels, of an image that is cut into tiles on request.",
    )
    tile_min_aspect: float = Field(
        default=2.0,
        ge=1,
        description="Minimum aspect ratio of an image that is cut into tiles on request.",
    )
    max_tiles: int = Field(default=16, gt=0, description="Maximum tiles of an image.")
    query_views: QueryViews = Field(
        default="insets",
        description="Additional crops of a query: none; trim: the image without its border; insets: also images pasted into it or set side by side; crops: also its centre and corners.",
    )
    allowed_protocols: str | None = Field(
        default=None,
        description="URL protocols allowed for sources, comma-separated, such as s3,gs,https; by default none.",
    )
    batch_size: int = Field(default=32, gt=0, description="Images per transaction of index add.")
    worker_threads: int = Field(
        default_factory=usable_cores,
        gt=0,
        description="Threads that decode and encode images; by default one per core.",
    )
    read_threads: int = Field(
        default=8,
        gt=0,
        description="Sources read concurrently; remote sources benefit from more.",
    )
    part_size: int = Field(
        default=2_000,
        gt=0,
        description="Maximum images of a part of an ingest job; an archive is one part.",
    )
    part_lease: float = Field(
        default=120.0,
        gt=0,
        description="Seconds until a part of an ingest job is taken from a worker that does not renew its lease.",
    )
    snapshot_every: int = Field(
        default=1_000, gt=0, description="Changes applied to a view before a snapshot is written."
    )
    snapshot_seconds: float = Field(
        default=600.0,
        gt=0,
        description="Seconds until a snapshot of a changed view is written, however few the changes.",
    )
    recall_target: float = Field(
        default=0.99,
        gt=0,
        lt=1,
        description="Minimum recall of an approximate search: the lower end of its 95 % confidence interval. Below it a view is searched exactly.",
    )
    vector_codes: str = Field(
        default="auto",
        description="How a large view of embeddings is searched: auto (by its size), flat (float32 in memory), sq8 (8 bits a dimension), fp16, or a plug-in; docs/scaling.md.",
    )
    vector_codes_from: int = Field(
        default=250_000,
        gt=0,
        description="Embeddings in a view from which it is searched by codes, with its float32 vectors in a mapped file.",
    )
    vector_lists_from: int = Field(
        default=5_000_000,
        gt=0,
        description="Embeddings in a view from which, if the codes are auto, a search compares those in the nearest inverted lists only, and its recall is measured; banks are always compared wholly.",
    )
    vector_bits_from: int = Field(
        default=50_000_000,
        gt=0,
        description="Embeddings in a view from which inverted lists hold a bit a dimension (RaBitQ) instead of a byte.",
    )
    pdq_max_distance: int = Field(
        default=31,
        ge=0,
        le=256,
        description="PDQ near-duplicate threshold in bits, out of 256 (Meta's published value).",
    )
    pdq_min_quality: int = Field(
        default=50,
        ge=0,
        le=100,
        description="Minimum PDQ quality; the PDQ of a flatter image is not compared.",
    )
    near_duplicate_log_odds: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Minimum log-odds of a near duplicate; by default the model's.",
    )
    lookalike_log_odds: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Minimum log-odds of a lookalike; by default the model's.",
    )
    keep_thumbnails: bool = Field(
        default=True,
        description="Whether to store a thumbnail of each image, about 19 KB, to find templates and illustrate reports.",
    )
    keep_features: bool = Field(
        default=True,
        description="Whether to store local features of each image, about 9 KB, to verify matches without its pixels.",
    )
    verify_candidates: int = Field(
        default=10,
        ge=0,
        description="Maximum candidates of a query for geometric verification.",
    )
    flood_min_hits: int = Field(
        default=100,
        gt=0,
        description="Minimum matches in an hour to flag an entry, whatever its history.",
    )
    flood_p_value: float = Field(
        default=1e-6,
        gt=0,
        lt=1,
        description="Flag an entry if its matches in an hour are less probable than this, given its history.",
    )
    flood_history_hours: int = Field(
        default=168, gt=0, description="Hours of an entry's history to consider."
    )
    flood_quarantine: bool = Field(
        default=False, description="Whether to disable flagged entries at once."
    )
    keep_verdicts: int = Field(
        default=100_000,
        ge=0,
        description="Maximum verdicts on pictures to store, to test policies on; 0 stores none.",
    )
    verdict_days: float = Field(
        default=30.0, gt=0, description="Days until a stored verdict is deleted."
    )
    two_person_severity: Literal["low", "medium", "high", "critical"] | None = Field(
        default=None,
        description="Severity of a bank from which on a second person must sign a review: low, medium, high or critical; by default only what the policy asks for.",
    )
    review_undo_seconds: float = Field(
        default=600.0,
        ge=0,
        description="Seconds within which a person can take back a review decision; then pictures of uploads are forgotten.",
    )

    audit_key: SecretStr | None = Field(
        default=None,
        description="Secret that seals the audit log against forged rows; the same for all programs of an index.",
    )

    @property
    def resolved_database_url(self) -> str:
        """The database to open: the one set, or SQLite inside the home folder."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'lookalike.db'}"

    @property
    def views_folder(self) -> Path:
        """Where the views keep their snapshots."""
        return self.home / "views"

    @property
    def maps_folder(self) -> Path:
        """Where the maps of cluster runs are kept, ready to be sent."""
        return self.home / "maps"

    @property
    def allowed_protocol_names(self) -> frozenset[str]:
        """The protocols that sources may be fetched by."""
        names = (name.strip().lower() for name in (self.allowed_protocols or "").split(","))
        return frozenset(name for name in names if name)

    @property
    def resolved_model_cache(self) -> Path:
        """Where exported models are kept: the folder set, or one in the user's cache.

        All indexes of a user share it. As the XDG rule has it, a relative XDG_CACHE_HOME is passed
        over.
        """
        stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
        cache = stated if stated.is_absolute() else Path.home() / ".cache"
        return self.model_cache or cache / "lookalike" / "models"

    @property
    def verifies(self) -> bool:
        """Whether candidates are verified: by kept features, or those found in thumbnails."""
        return (self.keep_features or self.keep_thumbnails) and self.verify_candidates > 0

    @property
    def finds_templates(self) -> bool:
        """Whether shared frames are looked for: what is kept for it are thumbnails."""
        return self.keep_thumbnails and self.verify_candidates > 0

    @property
    def image_limits(self) -> ImageLimits:
        """The limits that every picture is held to."""
        return ImageLimits(
            self.max_image_bytes,
            self.max_image_pixels,
            self.max_image_frames,
            self.max_image_side,
            self.max_image_aspect,
        )

    @property
    def tile_rules(self) -> TileRules:
        """How large pictures are cut."""
        return TileRules(self.tile_min_side, self.tile_min_aspect, self.max_tiles)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; keyword arguments that are not None win.

    Raises
    ------
    SettingsError
        A value cannot be used, or a LOOKALIKE_ variable is not a setting.
    """
    return read_settings(Settings, except_prefix=SERVE_PREFIX, **overrides)


def audit_key_set() -> bytes | None:
    """Return the secret that seals the audit log, read from LOOKALIKE_AUDIT_KEY alone.

    Whoever opens the store needs it, however it came by its address.

    Raises
    ------
    SettingsError
        It is set to nothing.
    """
    _refuse_empty([_AUDIT_KEY])
    return os.environ.get(_AUDIT_KEY, "").encode("utf-8", "surrogateescape") or None


def _refuse_empty(names: Iterable[str]) -> None:
    """Refuse variables that are set to nothing: an empty path would be the current folder."""
    empty = [name for name in names if name in os.environ and not os.environ[name].strip()]
    if empty:
        raise SettingsError(
            f"{', '.join(empty)}: set, but empty. Unset the variable, or give it a value."
        )


SettingsT = TypeVar("SettingsT", bound=BaseSettings)

_REPLACED: Final = {
    "LOOKALIKE_NEAR_DUPLICATE_SIMILARITY": "LOOKALIKE_NEAR_DUPLICATE_LOG_ODDS",
    "LOOKALIKE_LOOKALIKE_SIMILARITY": "LOOKALIKE_LOOKALIKE_LOG_ODDS",
    "LOOKALIKE_LOOKALIKE_FUSED_SCORE": "LOOKALIKE_LOOKALIKE_LOG_ODDS",
    "LOOKALIKE_LOOKALIKE_INLIERS": "LOOKALIKE_LOOKALIKE_LOG_ODDS",
}


def read_settings(cls: type[SettingsT], *, except_prefix: str = "", **overrides: Any) -> SettingsT:
    """Read one settings class, refusing variables of its prefix that are unknown or empty.

    Variables that start with `except_prefix` belong to another class and are left alone.
    """
    prefix = cls.model_config["env_prefix"]
    known = {prefix + name.upper() for name in cls.model_fields}
    ours = [
        name
        for name in sorted(os.environ)
        if name.upper().startswith(prefix)  # pydantic reads them in any case
        and not (except_prefix and name.upper().startswith(except_prefix))
    ]
    for name in ours:
        if name.upper() in _REPLACED:
            raise SettingsError(
                f"{name} no longer exists: one bound in log-odds replaces it. Unset it; set "
                f"{_REPLACED[name.upper()]} only if the model's own bound does not suit "
                "(docs/thresholds.md)."
            )
        if name.upper() not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "See docs/settings.md for the settings."
            raise SettingsError(f"{name} is not a known setting. {hint}")
    _refuse_empty(ours)
    try:
        return cls(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(
            f"{prefix}{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()
        )
        raise SettingsError(f"Invalid settings: {problems}.") from error
