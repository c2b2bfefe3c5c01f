"""People who decide, and rules by which one or two of them must."""

from datetime import timedelta

from indexer.reviews.rules import ReviewRules, Signatory
from indexer.types import Person, Severity

JO, MO, BO = Person("key 1", "jo"), Person("key 2", "mo"), Person("key 3", "bo")
LEASE = timedelta(minutes=5)
ALONE = ReviewRules(LEASE, timedelta(minutes=10), None)
TWO = ReviewRules(LEASE, timedelta(minutes=10), Severity.HIGH)
ONE = Signatory(JO, ALONE)
"""Somebody whose word is enough."""
