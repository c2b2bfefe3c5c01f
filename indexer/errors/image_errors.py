"""Errors of images, their fingerprints and where they come from."""

from indexer.errors.error_families import InputError


class UnreadableSource(InputError):
    """A file or folder could not be opened or read."""


class EmptyImage(InputError):
    """The file is empty."""


class UnreadableImage(InputError):
    """The bytes are not a decodable image."""


class ImageTooLarge(InputError):
    """The image has more bytes, pixels or frames than the settings allow."""


class CostlyImage(ImageTooLarge):
    """Decoding the image would keep a core busy for seconds."""


class InvalidFingerprint(InputError):
    """The text is not a valid fingerprint of its kind."""


class EmptyFingerprint(InvalidFingerprint):
    """A fingerprint of empty content, which matches by accident."""


class FetchDisabled(InputError):
    """Fetching images by URL is disabled."""


class FetchRefused(InputError):
    """A URL, or an address behind it, is not allowed."""


class FetchFailed(InputError):
    """A request to another server failed."""
