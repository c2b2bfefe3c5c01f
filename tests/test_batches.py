"""Several pictures of one request, when the server has no time for one of them."""

import asyncio

import pytest

from search_api.admission.waiting_room import ClientGone, TimedOut
from search_api.uploads.batch_uploads import answer_each
from search_api.uploads.multipart import Upload


@pytest.mark.parametrize("failure", [TimedOut, ClientGone])
def test_a_batch_that_waits_too_long_fails_as_one_picture_would(failure: type[Exception]) -> None:
    async def answer(upload: Upload) -> str:
        if upload.name == "late":
            raise failure
        return upload.name

    with pytest.raises(failure):
        asyncio.run(answer_each([Upload("early", b""), Upload("late", b"")], answer))
