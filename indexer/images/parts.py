"""Parts of a picture that are matched on their own: frames, tiles and the pictures within it."""

import hashlib
from collections.abc import Iterator, Sequence

import structlog

from indexer.errors import InputError
from indexer.images.crops import crops
from indexer.images.decode import decode_frames
from indexer.images.panels import Box, grid, overlap, panels
from indexer.settings import ImageLimits, QueryViews, Settings, TileRules
from indexer.types import DecodedImage, Part, PartKind, Rgb

log = structlog.get_logger(__name__)

# Of an MPO (telephones' JPEG) the later pictures are a depth map, a gain map or a second eye.
_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")
_SAME_PLACE = 0.8  # share of two boxes that they have in common, from which one is enough
_STORED_VIEWS: dict[QueryViews, QueryViews] = {"crops": "insets"}
"""Cuts of a stored image, by those of a query: middle and corners are for queries alone."""


def frame_numbers(frame_count: int, most: int) -> range | list[int]:
    """Choose the frames to look at besides the first: evenly spaced, the last one among them.

    The last frame is what stays on the screen when an animation has played.

    Parameters
    ----------
    frame_count : int
        Frames of the animation, the first included.
    most : int
        Most frames chosen; all are when there are no more than that.

    Returns
    -------
    sequence of int
        Ascending, without 0.
    """
    later = frame_count - 1
    if later <= most:
        return range(1, frame_count)
    return [round(step * later / most) for step in range(1, most + 1)]


def frames(
    data: bytes, picture: DecodedImage, limits: ImageLimits, most: int
) -> Iterator[tuple[Part, Rgb]]:
    """Sample the frames of an animation after the first, one in memory at a time.

    Frames that show exactly what an earlier one does are left out. A frame that cannot be decoded
    ends the sampling, not the picture: its first frame is there already. An animation so large
    that reaching its end would take many seconds is sampled from its beginning only.

    Parameters
    ----------
    data : bytes
        The whole file.
    picture : DecodedImage
        What `images.decoded` made of it.
    limits : ImageLimits
    most : int
        Most frames given.

    Yields
    ------
    part : Part
        Of kind frame, without a box.
    rgb : ndarray of shape (height, width, 3), uint8
    """
    if picture.frame_count == 1 or not most or picture.format not in _ANIMATED:
        return
    if picture.reachable_frames < picture.frame_count:
        log.info("animation sampled from its start", frames=picture.reachable_frames)
    numbers = frame_numbers(min(picture.frame_count, picture.reachable_frames), most)
    seen = {_digest(picture.rgb)}
    try:
        for number, rgb in decode_frames(data, numbers, limits):
            digest = _digest(rgb)
            if digest not in seen:
                seen.add(digest)
                yield Part(PartKind.FRAME, number, None), rgb
    except InputError as error:
        log.debug("later frame not decodable", code=error.code)


def is_cut(width: int, height: int, rules: TileRules) -> bool:
    """Tell whether a picture of that many pixels is cut into tiles."""
    longer, shorter = max(width, height), min(width, height)
    return longer >= rules.min_side or longer >= rules.min_aspect * shorter


def tiles(
    rgb: Rgb, rules: TileRules, full_size: tuple[int, int] | None = None
) -> list[tuple[Part, Rgb]]:
    """Cut a large or long picture into tiles, so that something small in it can match.

    First come the panels that stand out on a plain background, as the photos of a screenshot, a
    feed or a collage do: they are cut exactly, so that even PDQ can match them. An even grid of
    overlapping tiles follows, for what has no background around it.

    Parameters
    ----------
    rgb : ndarray of shape (height, width, 3), uint8
        The upright picture, or a reduction of it.
    rules : TileRules
        Which pictures are cut, judged by their full size.
    full_size : (int, int), optional
        Width and height of the picture when `rgb` is a reduction.

    Returns
    -------
    list of (Part, ndarray of shape (h, w, 3), uint8)
        Parts of kind tile, with their box in pixels of the full size; views of `rgb`. Empty for
        a picture that the rules leave whole.
    """
    height, width = rgb.shape[:2]
    full_width, full_height = full_size or (width, height)
    if not is_cut(full_width, full_height, rules):
        return []
    scale_x, scale_y = full_width / width, full_height / height
    return [
        (
            Part(PartKind.TILE, number, box.scaled(scale_x, scale_y)),
            rgb[box.inside],
        )
        for number, box in enumerate(_boxes(rgb, rules.most))
    ]


def parts(
    data: bytes, picture: DecodedImage, settings: Settings, *, tiled: bool
) -> Iterator[tuple[Part, Rgb]]:
    """Give every part of a picture besides the whole first frame: tiles of it, later frames.

    Parameters
    ----------
    data : bytes
        The whole file.
    picture : DecodedImage
        What `images.decoded` made of it; for tiles worth having, at its full size.
    settings : Settings
        How many frames, which tiles.
    tiled : bool
        Whether tiles are wanted.

    Yields
    ------
    part : Part
    rgb : ndarray of shape (height, width, 3), uint8
        A view of `picture.rgb`, or a frame of its own.
    """
    if tiled:
        yield from tiles(picture.rgb, settings.tile_rules, (picture.width, picture.height))
    yield from frames(data, picture, settings.image_limits, settings.frames)


def stored_parts(
    data: bytes, picture: DecodedImage, settings: Settings, *, tiled: bool
) -> Iterator[tuple[Part, Rgb]]:
    """Give the parts of a picture that an index stores: `parts`, and the pictures within it.

    A screenshot is stored together with the photo that it shows. So the photo is found by itself,
    and is compared with the photo that another screenshot shows.

    Parameters
    ----------
    data, picture, settings, tiled
        As for `parts`; `query_views` says which crops there are, see `crops`.

    Yields
    ------
    part : Part
        Of kind crop where it is a picture within the picture that no tile shows already.
    rgb : ndarray of shape (height, width, 3), uint8
    """
    shown = []
    for part, rgb in parts(data, picture, settings, tiled=tiled):
        if part.box is not None:
            shown.append(Box(*part.box))
        yield part, rgb
    views = _STORED_VIEWS.get(settings.query_views, settings.query_views)
    for part, rgb in crops(picture.rgb, views, (picture.width, picture.height)):
        if part.box is None or all(overlap(Box(*part.box), box) < _SAME_PLACE for box in shown):
            yield part, rgb


def cut_again(
    data: bytes,
    rgb: Rgb,
    wanted: Sequence[Part],
    full_size: tuple[int, int],
    limits: ImageLimits,
) -> Iterator[tuple[Part, Rgb]]:
    """Give certain parts that `stored_parts` gave before; what cannot be cut is left out.

    Parameters
    ----------
    data : bytes
        The whole file.
    rgb : ndarray of shape (height, width, 3), uint8
        The upright picture, or a reduction of it; for tiles as they were, at its full size.
    wanted : sequence of Part
        Of any kind.
    full_size : (int, int)
        Width and height of the picture in pixels, which the boxes are measured in.
    limits : ImageLimits

    Yields
    ------
    part : Part
    rgb : ndarray of shape (height, width, 3), uint8
        A view of `rgb`, or a frame of its own.
    """
    height, width = rgb.shape[:2]
    for part in wanted:
        if part.box is not None:
            box = Box(*part.box).scaled(width / full_size[0], height / full_size[1])
            yield part, rgb[box.inside]
    numbered = {part.number: part for part in wanted if part.kind is PartKind.FRAME}
    try:
        for number, frame in decode_frames(data, sorted(numbered), limits) if numbered else ():
            yield numbered[number], frame
    except InputError as error:
        log.debug("later frame not decodable", code=error.code)


def _boxes(rgb: Rgb, most: int) -> list[Box]:
    """Choose where the tiles lie: panels get three quarters of the places, the grid the rest."""
    boxes = panels(rgb)[: max(1, most * 3 // 4)]
    height, width = rgb.shape[:2]
    for box in grid(width, height, most - len(boxes)):
        if all(overlap(box, panel) < _SAME_PLACE for panel in boxes):
            boxes.append(box)
    return boxes


def _digest(rgb: Rgb) -> bytes:
    return hashlib.blake2b(rgb.data, digest_size=16).digest()
