"""Staleness: how every former champion scores by now, and what each retraining brought. It decides nothing.

plan: who is asked about what. curve: scores by version and age. gains: successor against predecessor. page: for people.
"""
