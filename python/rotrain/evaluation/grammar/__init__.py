"""Minimal pairs of Romanian grammar, made from a lexicon and templates.

A pair is two sentences that differ in one place and of which one is wrong. A model knows the
rule if it finds the right one likelier (Warstadt et al. 2020, BLiMP; Jumelet et al. 2025,
MultiBLiMP). Sentences are plain on purpose: what is asked is the rule, not the world.
"""
