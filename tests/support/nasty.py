"""A hundred and seventy-five files made to cost more than they show, or to write into logs.

Each is the largest or the oddest of its kind that a decoder is likely to take. Some are accepted,
some refused; none may take long, much memory, or more than a line of a log.
"""

import lzma
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
from PIL import Image

from support import crafted, pictures, small
from support.crafted import jpeg_segment, jpeg_with, png, png_header, png_with

Maker = Callable[[], bytes]
SIDE = 8000  # of the largest square that is accepted
_TAGS = 60_000
_SEGMENT = 65_000  # bytes


def _noise(width: int, height: int, channels: int = 3) -> Image.Image:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def _repeated(side: int) -> Image.Image:
    """Return noise that repeats itself, of which an encoder makes little."""
    pixels = np.asarray(_noise(side // 4, side // 4))
    return Image.fromarray(np.tile(pixels, (4, 4, 1)))


def _flat(width: int = SIDE, height: int = SIDE, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height), 1 if mode in {"1", "I;16"} else None)


def _saved(image: Callable[[], Image.Image], kind: str, **options: object) -> Maker:
    return lambda: pictures.encode(image(), kind, **options)


def _moving(kind: str, width: int, height: int, count: int, **options: object) -> Maker:
    def make() -> bytes:
        frames = [
            Image.new("RGB", (width, height), (40 * number % 256, 9, 9)) for number in range(count)
        ]
        return pictures.encode(
            frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options
        )

    return make


# --- EXIF that is broken in each of its 60,000 tags ----------------------------------------------

_BROKEN = {
    "beyond_the_end": (2, 2**20, 2**31),
    "of_an_unknown_type": (99, 1, 1),
    "of_4_billion_values": (3, 2**32 - 1, 2**32 - 1),
    "all_of_the_same_text": (2, 60_000, 8),
}


def _exif(kind: tuple[int, int, int]) -> bytes:
    return crafted.exif(*[(tag, *kind) for tag in range(1000, 1000 + _TAGS)])


def _segments(marker: int, prefix: bytes, body: bytes) -> bytes:
    """Spread a body over as many segments as it takes, each with the prefix."""
    parts = [body[at : at + _SEGMENT] for at in range(0, len(body), _SEGMENT)]
    return b"".join(jpeg_segment(marker, prefix + part) for part in parts)


def _jpeg_exif(kind: tuple[int, int, int]) -> bytes:
    return jpeg_with(small.jpeg(), _segments(0xE1, b"Exif\0\0", _exif(kind)[6:]))


def _webp_with(name: bytes, body: bytes) -> bytes:
    """Return a small WebP that has one more chunk."""
    pixels = pictures.encode(small.photo(), "WEBP", quality=80)[12:]
    flags = bytes([{b"EXIF": 8, b"XMP ": 4, b"ICCP": 32}.get(name, 0), 0, 0, 0])
    size = b"".join((side - 1).to_bytes(3, "little") for side in small.photo().size)
    chunk = name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    whole = b"WEBPVP8X" + struct.pack("<I", 10) + flags + size + pixels + chunk
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


# --- JPEG ----------------------------------------------------------------------------------------


def _scans(side: int, scans: int) -> Maker:
    return lambda: crafted.progressive_scans(
        pictures.encode(_flat(side, side), "JPEG", progressive=True), scans
    )


def _turned(orientation: int) -> Maker:
    block = crafted.exif((crafted.ORIENTATION, crafted.SHORT, 1, orientation))
    return lambda: jpeg_with(pictures.encode(_flat(), "JPEG"), crafted.jpeg_segment(0xE1, block))


def _damaged(whole: Maker, at: float) -> Maker:
    def make() -> bytes:
        data = whole()
        place = int(len(data) * at)
        return data[:place] + b"\xff\xc5\xff\xff" + data[place + 4 :]

    return make


def _repeated_segment(marker: int, body: bytes, times: int) -> Maker:
    return lambda: jpeg_with(small.jpeg(), jpeg_segment(marker, body) * times)


def _many_pictures() -> bytes:
    entries = struct.pack("<IIIHH", 0, 9, 9, 0, 0) * 4000
    index = crafted.exif((0xB001, crafted.LONG, 1, 4000), (0xB002, 7, len(entries), 38))[6:]
    return jpeg_with(small.jpeg(), jpeg_segment(0xE2, b"MPF\0" + index + entries))


_NOISY = _saved(lambda: _repeated(SIDE), "JPEG", quality=40)
_JPEG: Mapping[str, Maker] = {
    "square.jpg": _saved(_flat, "JPEG"),
    "long.jpg": _saved(lambda: _flat(65_500, 976), "JPEG"),
    "tall.jpg": _saved(lambda: _flat(976, 65_500), "JPEG"),
    "too_thin.jpg": _saved(lambda: _flat(65_500, 600), "JPEG"),
    "grey.jpg": _saved(lambda: _flat(mode="L"), "JPEG"),
    "inks.jpg": _saved(lambda: _flat(mode="CMYK"), "JPEG"),
    **{f"turned_by_{number}.jpg": _turned(number) for number in range(2, 9)},
    **{f"{scans}_scans_of_4_mp.jpg": _scans(2000, scans) for scans in (50, 400)},
    **{f"{scans}_scans_of_64_mp.jpg": _scans(SIDE, scans) for scans in (3, 9, 40)},
    "noise.jpg": _NOISY,
    "noise_in_scans.jpg": _saved(lambda: _repeated(SIDE), "JPEG", quality=40, progressive=True),
    "heavy.jpg": _saved(lambda: _noise(4000, 4000), "JPEG", quality=90, subsampling=0),
    "restarts.jpg": _saved(lambda: _repeated(4000), "JPEG", quality=50, restart_marker_blocks=1),
    "damaged_in_the_middle.jpg": _damaged(_NOISY, 0.5),
    "damaged_at_the_end.jpg": _damaged(_NOISY, 0.99),
    "cut_at_the_end.jpg": lambda: _NOISY()[:-9999],
    "arithmetic.jpg": lambda: _NOISY().replace(b"\xff\xc0", b"\xff\xc9", 1),
    **{f"exif_{name}.jpg": partial(_jpeg_exif, kind) for name, kind in _BROKEN.items()},
    "xmp.jpg": _repeated_segment(
        0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"tiff:Orientation=" * 3800, 400
    ),
    "image_resources.jpg": _repeated_segment(
        0xED, b"Photoshop 3.0\0" + (b"8BIM" + bytes(8)) * 5400, 400
    ),
    "profiles.jpg": _repeated_segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000), 400),
    "comments.jpg": _repeated_segment(0xFE, bytes(65_000), 490),
    "tables.jpg": _repeated_segment(0xDB, (b"\0" + b"\1" * 64) * 1000, 400),
    "codes.jpg": _repeated_segment(0xC4, b"\0" + bytes(16), 100_000),
    "frames.jpg": _repeated_segment(0xC0, b"\x08\0\xa0\0\xf0\3" + b"\1\x11\0" * 21_000, 400),
    "pictures.jpg": _many_pictures,
    "filling.jpg": lambda: small.jpeg()[:2] + b"\xff" * 20_000_000 + small.jpeg()[2:],
    "tail.jpg": lambda: small.jpeg() + bytes(30_000_000),
    "tail_of_markers.jpg": lambda: small.jpeg()[:-2] + b"\xff\xda\0\2" * 90_000,
}

# --- PNG -----------------------------------------------------------------------------------------

_BITS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # channels by colour


def _rows(width: int, height: int, bits: int) -> Iterator[bytes]:
    row = b"\x04" + bytes((width * bits + 7) // 8)  # the filter that takes longest
    for top in range(0, height, 100):
        yield row * min(100, height - top)


def _deflated(pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    compressor = zlib.compressobj(1)
    body = b"".join(compressor.compress(piece) for piece in pieces)
    return b"IDAT", body + compressor.flush()


def _png(
    bits: int, colour: int, width: int = SIDE, height: int = SIDE, *, interlaced: bool = False
) -> Maker:
    def make() -> bytes:
        depth = bits * _BITS[colour]
        if interlaced:
            passes = [
                (-(-(width - left) // across), -(-(height - top) // down))
                for left, top, across, down in crafted.ADAM7
            ]
        else:
            passes = [(width, height)]
        pixels = _deflated(piece for size in passes for piece in _rows(*size, depth))
        palette = [(b"PLTE", b"\0\0\xff\xff\xff\0"), (b"tRNS", b"\x80")] if colour == 3 else []
        header = png_header(width, height, bits=bits, colour=colour, interlace=int(interlaced))
        return png(header, *palette, pixels)

    return make


def _png_in_crumbs() -> bytes:
    _, body = _deflated(_rows(4000, 4000, 8))
    crumbs = [(b"IDAT", body[at : at + 1]) for at in range(len(body))]
    return png(png_header(4000, 4000), *crumbs)


_DEPTHS = ((1, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (8, 3), (8, 4), (16, 4), (8, 6))
_SHAPES = ((SIDE**2, 1), (1, SIDE**2), (65_535, 976), (976, 65_535), (65_536, 700), (90, 9100))
_PNG: Mapping[str, Maker] = {
    **{f"{bits}_bits_of_{colour}.png": _png(bits, colour) for bits, colour in (*_DEPTHS, (16, 6))},
    **{
        f"{bits}_bits_of_{colour}_interlaced.png": _png(bits, colour, interlaced=True)
        for bits, colour in ((1, 0), (8, 2), (8, 6), (16, 6))
    },
    **{f"{width}_by_{height}.png": _png(8, 2, width, height) for width, height in _SHAPES},
    "crumbs.png": _png_in_crumbs,
    "noise.png": _saved(lambda: _noise(3200, 3200), "PNG", compress_level=1),
    "stored.png": _saved(lambda: _noise(3200, 3200), "PNG", compress_level=0),
    "cut_at_the_end.png": lambda: _png(8, 6)()[:-99],
    "text_of_60_megabytes.png": lambda: png_with(
        small.png(), *[(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20 - 1)))] * 60
    ),
    "texts.png": lambda: png_with(small.png(), *[(b"tEXt", b"Comment\0x")] * 100_000),
    "long_text.png": lambda: png_with(small.png(), (b"tEXt", b"Comment\0" + b"x" * 30_000_000)),
    "profile.png": lambda: png_with(
        small.png(), (b"iCCP", b"a\0\0" + zlib.compress(bytes(60 * 2**20), 1))
    ),
    "xmp.png": lambda: png_with(
        small.png(),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"tiff:Orientation=" * 1_500_000),
    ),
    "hexadecimal.png": lambda: png_with(
        small.png(), (b"tEXt", b"Raw profile type exif\0\nexif\n9\n" + b"00\n" * 9_000_000)
    ),
    "unknown.png": lambda: png_with(small.png(), (b"prVt", bytes(30_000_000))),
    **{
        f"exif_{name}.png": partial(
            lambda kind: png_with(small.png(), (b"eXIf", _exif(kind)[6:])), kind
        )
        for name, kind in _BROKEN.items()
    },
    "500_frames.png": _moving("PNG", 1000, 1000, 500),
    "frames_of_64_mp.png": _moving("PNG", SIDE, SIDE, 3, compress_level=1),
}

# --- GIF, BMP ------------------------------------------------------------------------------------


def _disposed(method: int) -> Maker:
    control = b"!\xf9\x04" + bytes([method << 2]) + bytes(4)
    frames = [control + crafted.gif_frame(1, 1, place, place) for place in range(0, 900, 3)]
    return lambda: crafted.gif(SIDE, SIDE, *frames)


def _runs(side: int, row: bytes, *, bits: int = 8, compression: int = 1) -> Maker:
    return lambda: crafted.bmp(
        side, side, row * side + b"\0\1", bits=bits, compression=compression, palette=range(16)
    )


_GIF: Mapping[str, Maker] = {
    "square.gif": _saved(lambda: _flat(mode="P"), "GIF"),
    "long.gif": _saved(lambda: _flat(65_500, 900, mode="P"), "GIF"),
    "interlaced.gif": _saved(lambda: _flat(mode="P"), "GIF", interlace=1),
    "noise.gif": _saved(lambda: _noise(4000, 4000, 1), "GIF"),
    **{f"disposal_{method}.gif": _disposed(method) for method in (0, 1, 2, 3)},
    "frames_of_1_mp.gif": _moving("GIF", 1000, 1000, 400),
    "frames_of_16_mp.gif": _moving("GIF", 4000, 4000, 20),
    "grows.gif": lambda: crafted.gif(
        9, 9, crafted.gif_frame(1, 1), crafted.gif_frame(1, 1, 65_000, 65_000)
    ),
    "frames_without_codes.gif": lambda: crafted.gif(
        SIDE, SIDE, *[crafted.gif_frame(SIDE, SIDE, codes=b"\x02\0")] * 900
    ),
    "comment.gif": lambda: crafted.gif(
        9, 9, crafted.gif_extension(0xFE, *[bytes(255)] * 120_000), crafted.gif_frame(1, 1)
    ),
    "palettes.gif": lambda: crafted.gif(
        2000,
        2000,
        *[b"," + struct.pack("<HHHHB", 0, 0, 9, 9, 0x87) + bytes(768) + b"\x02\x02\x44\x01\0"]
        * 900,
    ),
}
_BMP: Mapping[str, Maker] = {
    "one_row.bmp": lambda: crafted.bmp(SIDE**2, 1, b"\0\0", bits=8, compression=1, palette=(0, 1)),
    "ends_of_lines.bmp": _runs(4000, b"\1\1\0\0"),
    "runs_of_one.bmp": _runs(2000, b"\1\1" * 2000 + b"\0\0"),
    "runs_of_4_bits.bmp": _runs(2000, b"\xff\x12" * 8 + b"\0\0", bits=4, compression=2),
    "small_runs.bmp": _runs(700, b"\1\1" * 700 + b"\0\0"),
    "jumps.bmp": _runs(2200, b"\0\2\xff\1"),
    "runs_beyond_their_row.bmp": lambda: crafted.bmp(
        900, 900, b"\xff\1" * 15_000_000, bits=8, compression=1, palette=(0, 1)
    ),
    "1_bit.bmp": _saved(lambda: _flat(mode="1"), "BMP"),
    "1_bit_long.bmp": _saved(lambda: _flat(65_500, 970, mode="1"), "BMP"),
    "4_bits.bmp": lambda: crafted.bmp(7600, 7600, bytes(3800 * 7600), bits=4, palette=range(16)),
    "8_bits.bmp": _saved(lambda: _flat(5700, 5700, mode="L"), "BMP"),
    "16_bits.bmp": lambda: crafted.bmp(4000, 4000, bytes(32_000_000), bits=16),
    "32_bits.bmp": lambda: crafted.bmp(2800, 2800, bytes(4 * 2800**2), bits=32),
}

# --- WebP, AVIF ----------------------------------------------------------------------------------


def _avif_size(width: int, height: int) -> bytes:
    return b"ispe" + struct.pack(">III", 0, width, height)


def _avif_exif(kind: tuple[int, int, int]) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow reads what it is to write
        return pictures.encode(small.photo(), "AVIF", exif=_exif(kind))


_WEBP: Mapping[str, Maker] = {
    "lossless.webp": _saved(_flat, "WEBP", lossless=True, method=0),
    "lossy.webp": _saved(_flat, "WEBP", method=0),
    "long.webp": _saved(lambda: _flat(16_383, 3900), "WEBP", method=0),
    "noise.webp": _saved(lambda: _repeated(7200), "WEBP", quality=30, method=0),
    "noise_half.webp": _saved(lambda: _repeated(5000), "WEBP", quality=30, method=0),
    "noise_lossless.webp": _saved(lambda: _noise(3200, 3200), "WEBP", lossless=True, method=0),
    "clear.webp": _saved(lambda: _flat(mode="RGBA"), "WEBP", lossless=True, method=0),
    "frames_of_64_mp.webp": _moving("WEBP", SIDE, SIDE, 3, lossless=True, method=0),
    "frames_of_16_mp.webp": _moving("WEBP", 4000, 4000, 6, lossless=True, method=0),
    "frames_of_1_mp.webp": _moving("WEBP", 1000, 1000, 300, lossless=True, method=0),
    "xmp.webp": lambda: _webp_with(b"XMP ", b"tiff:Orientation=" * 1_500_000),
    "profile.webp": lambda: _webp_with(b"ICCP", bytes(30_000_000)),
    "unknown.webp": lambda: _webp_with(b"what", bytes(30_000_000)),
    "cut_at_the_end.webp": lambda: _WEBP["noise_half.webp"]()[:-9999],
    **{
        f"exif_{name}.webp": partial(lambda kind: _webp_with(b"EXIF", _exif(kind)[6:]), kind)
        for name, kind in _BROKEN.items()
    },
}
_AVIF: Mapping[str, Maker] = {
    "square.avif": _saved(_flat, "AVIF", speed=10),
    "grey.avif": _saved(lambda: _flat(mode="L"), "AVIF", speed=10),
    "clear.avif": _saved(lambda: _flat(mode="RGBA"), "AVIF", speed=10),
    "long.avif": _saved(lambda: _flat(32_000, 1990), "AVIF", speed=10),
    "noise.avif": _saved(lambda: _repeated(6000), "AVIF", quality=30, speed=10),
    "heavy.avif": _saved(lambda: _noise(2600, 2600), "AVIF", quality=90, speed=10),
    "every_colour.avif": _saved(
        lambda: _repeated(5000), "AVIF", quality=40, speed=10, subsampling="4:4:4"
    ),
    "frames_of_12_mp.avif": _moving("AVIF", 4000, 3000, 6, speed=10),
    "frames_of_1_mp.avif": _moving("AVIF", 1000, 1000, 100, speed=10),
    "smaller_than_coded.avif": lambda: crafted.patched(
        pictures.encode(_flat(), "AVIF", speed=10), _avif_size(SIDE, SIDE), _avif_size(40, 40)
    ),
    "larger_than_coded.avif": lambda: crafted.patched(
        small.avif(), _avif_size(240, 160), _avif_size(7200, 4800)
    ),
    "boxes.avif": lambda: small.avif() + struct.pack(">I4s", 8, b"free") * 120_000,
    **{f"exif_{name}.avif": partial(_avif_exif, kind) for name, kind in _BROKEN.items()},
}

# --- TIFF ----------------------------------------------------------------------------------------


def _tiff_of_strips(strip: bytes, compression: int, rows: int) -> bytes:
    """Return a grey TIFF of which every strip is the same bytes."""
    count = SIDE // rows
    base = crafted.tiff(
        SIDE, SIDE, tag_278=rows, tag_273=0, tag_279=0, tag_259=compression, tag_262=1, tag_277=1
    )
    places = len(base)
    for tag, at in ((273, places), (279, places + 4 * count)):
        single = struct.pack("<HHII", tag, 4, 1, 0)
        base = crafted.patched(base, single, struct.pack("<HHII", tag, 4, count, at))
    start = places + 8 * count
    return base + struct.pack("<I", start) * count + struct.pack("<I", len(strip)) * count + strip


def _tiff_of_tags(count: int, kind: tuple[int, int, int]) -> bytes:
    """Return a TIFF with that many tags besides those that it needs."""
    needed = crafted.tiff(64, 64, bytes(4096))
    entries = needed[10 : 10 + 12 * int.from_bytes(needed[8:10], "little")]
    extra = b"".join(struct.pack("<HHII", 1000 + number, *kind) for number in range(count))
    start = 8 + 2 + len(entries) + len(extra) + 4
    old = struct.pack("<HHII", 273, 4, 1, needed.index(bytes(4096), 100))
    entries = entries.replace(old, struct.pack("<HHII", 273, 4, 1, start))
    total = (len(entries) + len(extra)) // 12
    return needed[:8] + struct.pack("<H", total) + entries + extra + bytes(4) + bytes(4096)


def _tiff_with_exif(kind: tuple[int, int, int]) -> bytes:
    plain = crafted.tiff(64, 64, bytes(4096), tag_34665=0)
    pointer = struct.pack("<HHII", 34665, 4, 1, 0)
    further = _exif(kind)[6 + 8 :]  # its directory alone
    return crafted.patched(plain, pointer, struct.pack("<HHII", 34665, 4, 1, len(plain))) + further


def _tiled_beyond_its_edges() -> bytes:
    tile = zlib.compress(bytes(16_384 * 16))
    count = 60_000 // 16
    base = crafted.tiff(700, 60_000, tag_259=8, tag_322=16_384, tag_323=16, tag_324=0, tag_325=0)
    places = len(base)
    for tag, at in ((324, places), (325, places + 4 * count)):
        single = struct.pack("<HHII", tag, 4, 1, 0)
        base = crafted.patched(base, single, struct.pack("<HHII", tag, 4, count, at))
    starts = [places + 8 * count + number * len(tile) for number in range(count)]
    return (
        base
        + struct.pack(f"<{count}I", *starts)
        + struct.pack("<I", len(tile)) * count
        + tile * count
    )


def _one_strip_of_scans() -> bytes:
    inner = crafted.progressive_scans(
        pictures.encode(_flat(mode="L"), "JPEG", progressive=True), 80
    )
    return crafted.tiff(SIDE, SIDE, inner, tag_259=7)


_TIFF: Mapping[str, Maker] = {
    **{
        f"{name}.tiff": _saved(_flat, "TIFF", compression=name)
        for name in ("tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd", "jpeg")
    },
    "packbits.tiff": _saved(lambda: _flat(mode="L"), "TIFF", compression="packbits"),
    **{
        f"{name}.tiff": _saved(lambda: _flat(mode="1"), "TIFF", compression=name)
        for name in ("group3", "group4")
    },
    "fax_of_noise.tiff": _saved(
        lambda: _noise(6000, 6000, 1).convert("1"), "TIFF", compression="group4"
    ),
    **{
        f"mode_{mode}.tiff": _saved(partial(_flat, mode=mode), "TIFF", compression="tiff_lzw")
        for mode in ("RGBA", "CMYK", "LAB", "I;16", "P")
    },
    **{
        f"turned_by_{number}.tiff": _saved(
            _flat, "TIFF", compression="tiff_lzw", tiffinfo={274: number}
        )
        for number in (3, 6)
    },
    "big.tiff": _saved(_flat, "TIFF", compression="tiff_lzw", big_tiff=True),
    "noise.tiff": _saved(lambda: _noise(2500, 2500), "TIFF", compression="tiff_lzw"),
    "noise_of_lzma.tiff": _saved(lambda: _noise(2500, 2500), "TIFF", compression="lzma"),
    "shared_lzma.tiff": lambda: _tiff_of_strips(
        lzma.compress(_noise(SIDE, 80, 1).tobytes()), 34925, 80
    ),
    "shared_deflate.tiff": lambda: _tiff_of_strips(
        zlib.compress(_noise(SIDE, 80, 1).tobytes()), 8, 80
    ),
    "shared_jpeg.tiff": lambda: _tiff_of_strips(
        pictures.encode(_noise(SIDE, 80, 1), "JPEG", quality=60), 7, 80
    ),
    "scans.tiff": _one_strip_of_scans,
    "beyond_its_edges.tiff": _tiled_beyond_its_edges,
    "pages_of_1_mp.tiff": _moving("TIFF", 1000, 1000, 300, compression="tiff_lzw"),
    "pages_of_64_mp.tiff": _moving("TIFF", SIDE, SIDE, 3, compression="tiff_lzw"),
    **{f"tags_{name}.tiff": partial(_tiff_of_tags, _TAGS, kind) for name, kind in _BROKEN.items()},
    "4000_tags.tiff": partial(_tiff_of_tags, 4000, _BROKEN["beyond_the_end"]),
    **{f"exif_{name}.tiff": partial(_tiff_with_exif, kind) for name, kind in _BROKEN.items()},
}

NASTY: Mapping[str, Maker] = {
    f"{kind}-{name}": make
    for kind, files in (
        ("jpeg", _JPEG),
        ("png", _PNG),
        ("gif", _GIF),
        ("bmp", _BMP),
        ("webp", _WEBP),
        ("avif", _AVIF),
        ("tiff", _TIFF),
    )
    for name, make in files.items()
}
"""What makes each file, by its name."""
