"""Routes, one file per noun."""

from search_api.routes import (
    banks,
    classify,
    cluster_actions,
    cluster_previews,
    cluster_reports,
    cluster_runs,
    clusters,
    decisions,
    entries,
    explanations,
    floods,
    images,
    policies,
    retro_scans,
    search,
    status,
    templates,
    thresholds,
)

V1 = (
    search,
    classify,
    explanations,
    images,
    banks,
    entries,
    decisions,
    retro_scans,
    floods,
    templates,
    policies,
    cluster_runs,
    cluster_reports,
    clusters,
    cluster_previews,
    cluster_actions,
    thresholds,
    status,
)
"""The modules of `/v1`, in the order of the documentation."""
