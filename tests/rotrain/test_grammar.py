"""Tests of the minimal pairs against rules of grammar that do not use the features of the lexicon.

The second rule of a phenomenon reads the finished sentences, by endings and closed lists, and must
find the good one right and the bad one wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rotools import normalize
from rotrain.evaluation.grammar.lexicon import ADJECTIVES, PEOPLE, PLACES, THINGS, VERBS, Noun
from rotrain.evaluation.grammar.pairs import PHENOMENA, pairs
from rotrain.evaluation.interval import LEAST_CONTRASTS


def definite(noun: Noun) -> tuple[str, str]:
    """Derive singular and plural with the article, by the rules of declension."""
    feminine = noun.gender == "f"
    if feminine:
        singular = noun.sg[:-1] + "a" if noun.sg[-1] == "ă" or noun.sg.endswith("ie") else noun.sg + "a"
    else:
        singular = noun.sg + {"e": "le", "u": "l"}.get(noun.sg[-1], "ul")
    return singular, noun.pl + ("i" if noun.gender == "m" else "le")


def genitive(noun: Noun) -> tuple[str, str]:
    """Derive genitive and dative with the article."""
    # The genitive of a feminine noun is its plural + i, with the changes of the stem: case + i, cărți + i.
    masculine = noun.sg + ("lui" if noun.sg[-1] in "eu" else "ului")
    return noun.pl + "i" if noun.gender == "f" else masculine, noun.pl + "lor"


@pytest.mark.parametrize("noun", [*PEOPLE, *THINGS, *PLACES], ids=lambda noun: noun.sg)
def test_nouns_decline_by_rule(noun: Noun) -> None:
    assert (noun.sg_def, noun.pl_def) == definite(noun)
    assert (noun.sg_gen, noun.pl_gen) == genitive(noun)


def test_adjectives_and_verbs_inflect_by_rule() -> None:
    softened = {"t": "ț", "d": "z", "s": "ș"}
    for word in ADJECTIVES:
        stem = word.m_sg.removesuffix("u")
        stems = {stem, stem.replace("o", "oa"), stem.replace("e", "ea")}
        assert word.f_sg in {candidate + "ă" for candidate in stems}
        assert word.f_pl in {candidate + "e" for candidate in {*stems, stem}}
        soft = stem[:-2] + "șt" if stem.endswith("st") else stem[:-1] + softened.get(stem[-1], stem[-1])
        assert word.m_pl == soft + "i"
    for verb in VERBS:
        assert verb.pl3 == verb.sg1 != verb.sg3
        assert verb.pl2 == verb.pl1.removesuffix("m") + "ți"
        if verb.sg1.endswith("esc"):
            assert (verb.sg3, verb.subjunctive) == (verb.sg1[:-3] + "ește", verb.sg1[:-3] + "ească")
        else:
            stem = verb.sg3.removesuffix("e")
            assert verb.subjunctive in {
                stem + "ă",
                stem.replace("e", "ea") + "ă",
                stem.replace("e", "a") + "ă",
            }


def is_plural(word: str) -> bool:
    """Return whether a noun with its article is plural. Of the singular forms here, only fratele and muntele end in -le."""
    return word.lower() not in ("fratele", "muntele") and word.endswith(("ii", "le"))


def is_feminine(word: str) -> bool:
    """Return whether a noun in the singular, with the article or without, is feminine."""
    word = word.lower()
    return word.endswith(("a", "ă")) or word in (
        "floare",
        "carte",
        "scrisoare",
        "poveste",
        "femeie",
        "pădure",
    )


PLURAL_E_IS_FEMININE = re.compile(r"(e|uri|ele|urile)$")
FEMININE_I = re.compile(r"^(cărț|flor|grădin|scrisor|poveșt|cămăș)i(le)?$")


def feminine_plural(word: str) -> bool:
    """Return whether a plural is feminine. Neuters are feminine in the plural."""
    word = word.lower()
    return word != "muntele" and bool(PLURAL_E_IS_FEMININE.search(word) or FEMININE_I.match(word))


def third_plural(verb: str) -> bool:
    """Return whether a verb is in the third person plural. These verbs end in a consonant there, and in -e in the singular."""
    return verb[-1] not in "ei"


def feminine_adjective(word: str) -> bool:
    return word.endswith(("ă", "e"))


def plural_adjective(word: str) -> bool:
    return word.endswith(("e", "i"))


def _number(sentence: str) -> bool:
    subject, verb = sentence.split()[:2]
    return is_plural(subject) == third_plural(verb.strip("."))


def _attractor(sentence: str) -> bool:
    subject, _, verb = sentence.split()[:3]
    return is_plural(subject) == third_plural(verb)


def _person(sentence: str) -> bool:
    subject, verb = sentence.split()[:2]
    ending = {"Noi": "m", "Voi": "ți", "Tu": "i"}
    if subject == "Eu":
        return not verb.endswith(("i", "ăm", "em", "im"))
    return verb.endswith(ending[subject]) and (subject != "Tu" or not verb.endswith(("ăți", "eți", "iți")))


def _predicate(sentence: str) -> bool:
    noun, verb, adjective = sentence.strip(".").split()
    if verb == "sunt":
        return feminine_plural(noun) == adjective.endswith("e")
    return is_feminine(noun) == adjective.endswith("ă")


def _attributive(sentence: str) -> bool:
    article, _, adjective = sentence.strip(".").split()[2:]
    return (article == "niște") == plural_adjective(adjective)


def _words(sentence: str) -> list[str]:
    return sentence.strip(".").split()


def _gender_of_clitic(sentence: str, at: int, feminine: bool) -> bool:
    return (_words(sentence)[at] == "o") == feminine


def _genitive_article(sentence: str) -> bool:
    number, noun, article = _words(sentence)[2:5]
    if number == "niște":
        return (article == "ale") == feminine_plural(noun)
    return (article == "a") == (number == "o")


def _dative(sentence: str) -> bool:
    head, noun = _words(sentence)[0], _words(sentence)[2]
    if head == "Le-am":
        return noun.endswith("lor")
    return noun.endswith(("lui", "ei", "ii")) and noun not in ("copiii",)


def _doubled_dative(sentence: str) -> bool:
    clitic, _, noun = _words(sentence)[:3]
    return (clitic == "Le-am") == noun.endswith("lor")


NAMES_OF_WOMEN = re.compile(r"^(Maria|Ana|Ioana|Elena|Ileana|Cristina|Irina|Daniela)$")


def _numeral_de(sentence: str) -> bool:
    tens = "zeci" in sentence or "sută" in sentence
    return tens == (" de " in sentence)


def _hyphen_s_a(sentence: str) -> bool:
    words = _words(sentence)
    return (words[1] == "s-a") == (words[2] != "este")


REAL_HYPHENS = ("l-a", "i-a", "v-a", "s-au", "ne-am")

# A sentence is right by the second rule of its phenomenon.
RULES: dict[str, Callable[[str], bool]] = {
    "subject-verb-number": _number,
    "subject-verb-attractor": _attractor,
    "subject-verb-person": _person,
    "adjective-gender-predicate": _predicate,
    "adjective-number-attributive": _attributive,
    "demonstrative-gender": lambda s: (_words(s)[0] == "Această") == is_feminine(_words(s)[1]),
    "demonstrative-article": lambda s: not re.search(r"(ul|le|[^ăe ]a)$|ia$", _words(s)[1]),
    "indefinite-article-form": lambda s: not re.search(r"(ul|ntele|[^ă]a)$", _words(s)[3]),
    "preposition-article": lambda s: not re.search(r"(ul|[^ă]a)$", _words(s)[-1]),
    "genitive-article": _genitive_article,
    "dative-case": _dative,
    "clitic-doubling-accusative": lambda s: _gender_of_clitic(s, 2, bool(NAMES_OF_WOMEN.match(_words(s)[1]))),
    "clitic-doubling-missing": lambda s: _words(s)[2] in ("o", "îl"),
    "clitic-doubling-dative": _doubled_dative,
    "relative-clitic": lambda s: _gender_of_clitic(s, 3, is_feminine(_words(s)[0])),
    "possessive-gender": lambda s: (_words(s)[1] == "mea") == is_feminine(_words(s)[0]),
    "numeral-gender": lambda s: (_words(s)[2] == "două") == feminine_plural(_words(s)[3]),
    "numeral-de": _numeral_de,
    "subjunctive-form": lambda s: s.endswith("ă."),
    "perfect-auxiliary": lambda s: " ".join(_words(s)[:2]) in ("Eu am", "Tu ai", "Noi am", "Voi ați"),
    "negative-concord": lambda s: " nu " in s,
    "hyphen-s-a": _hyphen_s_a,
    "hyphen-homophones": lambda s: _words(s)[1] in REAL_HYPHENS,
    "hyphen-intr-un": lambda s: bool(re.search(r" într-(un (?!.*ă\.)|o .*(ă|re)\.)", s)),
    "diacritics-function-words": lambda s: bool(re.search(r" (că|să|și|fără|după) ", s)),
    "diacritics-words": lambda s: bool(re.search(r"în fața |pe față |mănâncă pește |prin țară |în apă ", s)),
}


def test_every_phenomenon_has_a_second_rule() -> None:
    assert set(RULES) == set(PHENOMENA)
    assert len(PHENOMENA) >= 12


@pytest.mark.parametrize("phenomenon", PHENOMENA)
def test_pairs(phenomenon: str) -> None:
    found = pairs(phenomenon)
    assert found == pairs(phenomenon), "drawn by a seed"
    assert len(found) >= 100
    assert len({pair.good for pair in found}) >= 100
    for pair in found:
        assert pair.good != pair.bad
        assert normalize(pair.good) == pair.good, "the text is as training text is"
        assert RULES[phenomenon](pair.good), pair
        assert not RULES[phenomenon](pair.bad), pair
        assert _differing_words(pair.good, pair.bad) <= 2, pair


def _differing_words(good: str, bad: str) -> int:
    left, right = good.split(), bad.split()
    while left and right and left[0] == right[0]:
        left, right = left[1:], right[1:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    return max(len(left), len(right))


def test_each_pair_names_its_words_and_two_phenomena_have_too_few() -> None:
    contrasts = {name: {pair.words[0] for pair in pairs(name)} for name in PHENOMENA}
    assert {name for name, found in contrasts.items() if len(found) < LEAST_CONTRASTS} == {
        "perfect-auxiliary",
        "hyphen-intr-un",
    }
    for name in PHENOMENA:
        assert len({len(pair.words) for pair in pairs(name)}) == 1, name
