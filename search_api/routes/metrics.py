"""`/metrics`: for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from search_api.telemetry.metrics import Metrics

router = APIRouter(tags=["metrics"])


async def get_metrics(request: Request) -> Metrics:
    """Return what the application measures."""
    metrics: Metrics = request.app.state.metrics
    return metrics


@router.get("/metrics", include_in_schema=False)
def metrics(metrics: Annotated[Metrics, Depends(get_metrics)]) -> Response:
    """Return what this server, all its workers together, has measured."""
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
