"""References to models on the Hugging Face Hub, and its client's errors in terms of ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from indexer.errors import InvalidModel, NotFoundError, UnavailableError

HUB_PREFIX: Final = "hf-hub:"
_HUB_ID: Final = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository on the hub: `hf-hub:owner/name[@revision]`."""

    text: str
    repository: str
    revision: str | None  # a branch, tag or commit


def parse_hub_reference(text: str) -> HubReference:
    """Parse `hf-hub:owner/name[@revision]`.

    Raises
    ------
    InvalidModel
        The reference is malformed.
    """
    matched = _HUB_ID.fullmatch(text.removeprefix(HUB_PREFIX))
    if matched is None:
        raise InvalidModel(
            f"{text!r} is not a model on the hub: write {HUB_PREFIX}owner/name or "
            f"{HUB_PREFIX}owner/name@revision."
        )
    return HubReference(text, matched["id"], matched["revision"])


@contextmanager
def hub_errors(reference: HubReference, missing: InvalidModel, wanted: str = "") -> Iterator[None]:
    """Raise errors of ours for those of the hub's client, whatever it fails by.

    HF_HUB_OFFLINE, HF_HOME, HF_ENDPOINT and HF_TOKEN mean what they mean to huggingface_hub.

    Parameters
    ----------
    reference : HubReference
    missing : InvalidModel
        Raised where the repository lacks the file that is fetched.
    wanted : str
        The files to download by hand, as `hf download` takes them.

    Raises
    ------
    NotFoundError
        No such repository or revision.
    InvalidModel
        The file is missing, the repository requires accepting its terms, or its name is invalid.
    UnavailableError
        The hub cannot be reached and its cache does not hold the files.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(reference, wanted, error) from error
    except errors.EntryNotFoundError as error:
        raise missing from error
    except errors.GatedRepoError as error:
        raise InvalidModel(
            f"{reference.text} requires accepting its terms. Accept them on the model's page, "
            "then log in (`hf auth login`, or HF_TOKEN)."
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise NotFoundError(
            f"The hub has no {reference.text}, or it is private. Check the spelling of name and "
            "revision; for a private model log in (`hf auth login`, or HF_TOKEN)."
        ) from error
    except errors.HFValidationError as error:
        raise InvalidModel(f"{reference.text!r} is not a model on the hub: {error}") from error
    except Exception as error:
        # An interrupted transfer raises what the hub's HTTP library raises, which library that is
        # depends on the version of huggingface_hub.
        raise _unreachable(reference, wanted, error) from error


def _unreachable(reference: HubReference, wanted: str, error: Exception) -> UnavailableError:
    cause = error.__cause__ or error  # the hub's own message only says that something happened
    reason = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
    download = " ".join(filter(None, ("hf download", reference.repository, wanted)))
    return UnavailableError(
        f"{reference.text} could not be fetched from the hub and is not complete in its local "
        f"cache ({reason}). Try again with a connection and without HF_HUB_OFFLINE; or, on a "
        f"machine that reaches the hub, run `{download} --local-dir FOLDER`, "
        "copy FOLDER here, and name it as the model."
    )
