"""Evidence beyond opinion: members of a committee that are no chat reviewers.

Each measures one number, sits the reviewers' exam, and has the weight that it has shown there: what cannot tell seeds
from their broken twins has none.
"""
