"""Policies: what is to be done about a verdict, by rules that operators write."""

from indexer.policy.active_policy import ActivePolicy
from indexer.policy.default_policy import default_policy
from indexer.policy.document import DecisionReason, PolicyDocument, PolicyProblem, parse_policy
from indexer.policy.policy_checks import CheckedPolicy, check_policy, read_policy_file
from indexer.policy.replay import ActionChange, PolicyReplay, replay_policy
from indexer.policy.verdict_history import VerdictHistory

__all__ = [
    "ActionChange",
    "ActivePolicy",
    "CheckedPolicy",
    "DecisionReason",
    "PolicyDocument",
    "PolicyProblem",
    "PolicyReplay",
    "VerdictHistory",
    "check_policy",
    "default_policy",
    "parse_policy",
    "read_policy_file",
    "replay_policy",
]
