"""Minimal pairs of Romanian grammar, made from a lexicon and templates.

A pair is two sentences that differ in one place, and one of them is wrong. A model knows the rule if the right sentence is
more likely (Warstadt et al. 2020, BLiMP; Jumelet et al. 2025, MultiBLiMP). The sentences are plain on purpose: they test the
rule, not knowledge of the world.
"""
