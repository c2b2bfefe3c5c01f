"""Bank hardening: made-up variants of entries, stored as further parts of the same entries."""

from indexer.hardening.bank_hardener import BankHardener, HardeningOptions, open_hardener
from indexer.hardening.hardening_plan import HardeningPlan, plan_hardening
from indexer.hardening.hardening_report import HardeningReport
from indexer.hardening.variant_undo import RemovedVariants, remove_variants

__all__ = [
    "BankHardener",
    "HardeningOptions",
    "HardeningPlan",
    "HardeningReport",
    "RemovedVariants",
    "open_hardener",
    "plan_hardening",
    "remove_variants",
]
