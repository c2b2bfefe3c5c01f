"""FastAPI application: one index, opened at start and followed until shutdown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig

import indexer
from indexer.flood import FloodWatch
from indexer.matching import Matcher
from indexer.matching.shadow_queries import ShadowQueries
from indexer.policy import VerdictHistory
from indexer.retroscan import RetroScanner
from indexer.reviews.rules import ReviewRules
from indexer.settings import Settings
from indexer.signals import Contents, Signals
from indexer.store import Store
from search_api.access import AccessControl, GuardedApp, make_access
from search_api.admission.pools import Pools
from search_api.auth import REFUSALS, Scope, requires
from search_api.dependencies import Service
from search_api.errors import install_error_handlers
from search_api.jobs.audit_head import log_audit_head
from search_api.jobs.cluster_runs import ClusterRunJob
from search_api.jobs.hit_counter import HitCounter
from search_api.jobs.log_follower import LogFollower
from search_api.jobs.lookup_audit import LookupAudit
from search_api.jobs.periodic import PeriodicTask
from search_api.jobs.picture_sweep import sweep_pictures
from search_api.jobs.retro_scans import RetroScanJob
from search_api.jobs.shadow_query_job import ShadowQueryJob
from search_api.jobs.template_learner import TemplateLearnerJob
from search_api.jobs.view_improver import ViewImprover
from search_api.middleware.body_limit import MOST_VALUES, BodyLimit
from search_api.middleware.head_requests import HeadAsGet
from search_api.middleware.leading_slashes import LeadingSlashes
from search_api.middleware.security_headers import SecurityHeaders
from search_api.outbound.fetch import Fetcher
from search_api.query_parameters import QueryCheck
from search_api.routes import (
    V1,
    audit,
    console,
    documentation,
    health,
    hma,
    keys,
    metrics,
    webhooks,
)
from search_api.routes.hma.problem_messages import HmaErrors
from search_api.routes.search import VECTOR_PATH
from search_api.schemas import MAX_DIMENSION
from search_api.settings import ServeSettings
from search_api.telemetry.gauges import GaugeSampler
from search_api.telemetry.install import Telemetry
from search_api.webhooks.delivery import Deliverer
from search_api.webhooks.registration import Receivers

_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's own would tell paths and parameters; `telemetry` has ours, which does not."""
DESCRIPTION = "Is this upload a copy or a lookalike of something that we know is unsafe?"


def create_app(store: Store, matcher: Matcher, settings: Settings, serve: ServeSettings) -> FastAPI:
    """Return the application over an open index, which it follows while it runs."""
    follower = LogFollower(
        matcher, poll_interval=serve.poll_interval, stale_after=serve.stale_after
    )
    telemetry = Telemetry(serve)
    hits = HitCounter(
        FloodWatch(store, settings),
        interval=serve.hits_interval,
        count=telemetry.metrics.count_verdict,
    )
    lookups = LookupAudit(store, interval=serve.audit_interval, capacity=serve.audit_queue)
    verdicts = VerdictHistory(store, settings)
    verdict_writer = PeriodicTask(
        verdicts.flush,
        name="verdict-writer",
        interval=serve.hits_interval,
        doing="writing verdicts",
        at_end=True,
    )
    audit_head = log_audit_head(store)
    reviews = ReviewRules.of(settings, serve.review_lease_seconds)
    picture_sweep = sweep_pictures(store, reviews.undo)
    scans = RetroScanJob(RetroScanner(store, matcher, settings))
    cluster_runs = ClusterRunJob(store, settings)
    sampler = GaugeSampler(
        telemetry.metrics, store, matcher, follower, count_interval=serve.count_interval
    )
    pools = Pools.of(serve)
    sampler.watch(telemetry.metrics.admitted, lambda: pools.pictures.running)
    sampler.watch(telemetry.metrics.waiting, lambda: pools.pictures.waiting)
    sampler.watch(telemetry.metrics.unwritten, lambda: lookups.waiting)
    learning = TemplateLearnerJob(store, matcher)
    sampler.watch(telemetry.metrics.unlearned, lambda: learning.lag)
    shadow_queries = ShadowQueryJob(
        ShadowQueries(store, matcher, serve.shadow_share, telemetry.metrics.count_shadow_query),
        is_idle=lambda: not (pools.pictures.running or pools.pictures.waiting),
    )
    fetcher = Fetcher(serve, max_bytes=settings.max_image_bytes)
    access = make_access(store, serve)
    receivers, deliverer = Receivers(serve), Deliverer(store, serve)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        signals = Signals(store, matcher, settings)
        contents = Contents(store, matcher, signals, settings)
        with (
            telemetry.running(),
            follower,
            audit_head,  # ends after what writes to the log
            hits,
            verdict_writer,
            picture_sweep,
            lookups,
            scans,
            cluster_runs,
            learning if serve.learn_templates and settings.finds_templates else nullcontext(),
            sampler,
            ViewImprover(matcher),
            shadow_queries if serve.shadow_share else nullcontext(),
            access.key_refresher,
            deliverer,
        ):
            app.state.service = Service(
                store=store,
                matcher=matcher,
                follower=follower,
                hits=hits,
                verdicts=verdicts,
                scans=scans,
                settings=settings,
                fetcher=fetcher,
                access=access,
                pools=pools,
                lookups=lookups,
                receivers=receivers,
                signals=signals,
                contents=contents,
                cluster_runs=cluster_runs,
                reviews=reviews,
                review_uploads=serve.review_uploads,
                reveal_seconds=serve.reveal_seconds,
            )
            yield

    app = GuardedApp(
        title="Lookalike",
        version=indexer.__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # `documentation` has them without another host
        redoc_url=None,
        openapi_url=None,
        telemetry=_NO_TELEMETRY,
        dependencies=[Depends(QueryCheck())],
    )
    app.add_middleware(
        BodyLimit,
        max_bytes=serve.max_request_bytes,
        seconds=serve.body_timeout,
        budget=pools.pictures.bytes,
        most_values={VECTOR_PATH: MAX_DIMENSION + MOST_VALUES},
    )
    app.add_middleware(
        AccessControl, authenticator=access.authenticator, proxies=serve.proxy_networks
    )
    app.add_middleware(HmaErrors)
    telemetry.install(app)  # around what says the status, so that it notes what is answered
    app.add_middleware(SecurityHeaders)
    app.add_middleware(HeadAsGet)
    app.add_middleware(LeadingSlashes)  # the outermost comes last
    install_error_handlers(app)
    for module in (*V1, keys, webhooks, audit):
        app.include_router(module.router, responses=REFUSALS)
    app.include_router(console.root)
    for module in (health, documentation):
        app.include_router(module.router)
    for router in console.ROUTERS:
        app.include_router(router)
    app.mount("/static", console.STATIC)
    for router in hma.ROUTERS:
        app.include_router(router)
    guarded = [] if serve.metrics_open else [requires(Scope.ANALYST)]
    app.include_router(metrics.router, dependencies=guarded)
    return app
