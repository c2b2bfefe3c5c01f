"""Client methods for explanations."""

from indexer.types import ClassMap, MatchRegions
from search_api.client.picture_form import Picture, form_of, named
from search_api.client.transport import Transport


class ExplanationCalls:
    """The part of the client that is about explanations; `Lookalike` has the rest."""

    _transport: Transport

    def explain_class(
        self, image: Picture, label: str | None = None, name: str | None = None
    ) -> ClassMap:
        """Return which regions of a picture speak for a class, by default the likeliest."""
        return self._transport.ask(
            "POST",
            "/v1/explanations/class",
            ClassMap,
            files=form_of([named(image, name)]),
            params={"class": label},
        )

    def explain_match(self, image: Picture, image_id: int, name: str | None = None) -> MatchRegions:
        """Return which regions of a picture and of a stored image match."""
        return self._transport.ask(
            "POST",
            "/v1/explanations/match",
            MatchRegions,
            files=form_of([named(image, name)]),
            params={"image_id": image_id},
        )
