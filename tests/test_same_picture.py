"""One photo in many guises is one picture: to the decoder, the hash, the model and the matcher."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding_space import bind_space, load_bound_encoder
from indexer.images.fingerprints import hamming
from indexer.ingest import Ingest
from indexer.matching import Matcher, Query, open_matcher
from indexer.settings import Settings
from indexer.sources import walk
from indexer.store import open_store, upgrade
from indexer.types import Match, Tier
from support import pictures
from support.queries import match

pytestmark = pytest.mark.numeric

PDQ_BITS = 12
COSINE = 0.96  # dithered colours move the embedding by 0.02, grey by 0.03; strangers are below 0.83
IN_COLOUR = {
    "palette PNG": pictures.palette_png,
    "GIF": pictures.gif,
    "CMYK JPEG": pictures.cmyk_jpeg,
} | {f"EXIF orientation {tag}": lambda tag=tag: pictures.exif_rotated(tag) for tag in range(1, 9)}
IN_GREY = {
    "16-bit PNG": pictures.grey_16_bit_png,
    "grey + alpha PNG": pictures.grey_alpha_png,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with the plain photo and its grey version."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "plain.jpg").write_bytes(pictures.plain_jpeg())
    grey = pictures.photo().convert("L")
    (folder / "grey.jpg").write_bytes(pictures.encode(grey, "JPEG", quality=95))
    return folder


@pytest.fixture(scope="module")
def matcher(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matcher]:
    """Index the folder with the shipped model; no database makes a difference here."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    upgrade(settings.resolved_database_url)
    with open_store(settings.resolved_database_url) as store:
        bind_space(store, settings)
        encoder, space = load_bound_encoder(store, settings)
        Ingest(store, encoder, space, settings).run(walk([folder]))
        yield open_matcher(store, settings)


def ask(matcher: Matcher, data: bytes) -> tuple[dict[str, Match], str]:
    """Return the match of each stored photo by name, and the query's own PDQ."""
    verdict = match(matcher, data, "query", min_log_odds=-100)
    assert verdict.tier in {Tier.EXACT, Tier.NEAR_DUPLICATE}
    return {Path(match.source or "").name: match for match in verdict.matches}, verdict.pdq


def upright_distance(matcher: Matcher, match: Match, pdq: str) -> int:
    """Compare the hashes as they stand: the match's own distance is the least of 8 orientations."""
    assert match.image_id is not None
    stored = matcher.answer(Query.stored_image(match.image_id)).pdq
    left, right = (
        np.frombuffer(bytes.fromhex(each), np.uint8)[np.newaxis] for each in (pdq, stored)
    )
    return int(hamming(left, right).min())


@pytest.mark.parametrize("guise", IN_COLOUR)
def test_a_guise_in_colour_is_the_plain_photo(matcher: Matcher, guise: str) -> None:
    matches, pdq = ask(matcher, IN_COLOUR[guise]())

    plain = matches["plain.jpg"]
    assert plain.pdq_distance is not None
    assert plain.pdq_distance <= PDQ_BITS
    assert upright_distance(matcher, plain, pdq) <= PDQ_BITS
    assert plain.similarity >= COSINE


@pytest.mark.parametrize("guise", IN_GREY)
def test_a_grey_guise_is_the_plain_photo_to_pdq_and_its_grey_version_to_the_model(
    matcher: Matcher, guise: str
) -> None:
    matches, pdq = ask(matcher, IN_GREY[guise]())

    # PDQ looks at brightness alone. The model sees colours, so that no grey picture has the
    # embedding of the coloured one: it is held to the grey version of the same photo.
    plain, grey = matches["plain.jpg"], matches["grey.jpg"]
    assert plain.pdq_distance is not None
    assert plain.pdq_distance <= PDQ_BITS
    assert upright_distance(matcher, plain, pdq) <= PDQ_BITS
    assert grey.similarity >= COSINE
