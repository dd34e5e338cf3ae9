"""Minimal pairs of Romanian grammar, made from a lexicon and templates.

A minimal pair is two sentences that differ in one place. One of them breaks a rule of grammar. If a model knows the rule, the
right sentence is more likely. The sentences are simple, so that they test the rule and not knowledge of the world.

Source: Warstadt et al. 2020, BLiMP; Jumelet et al. 2025, MultiBLiMP.
"""
