"""The phenomena of grammar that are tested. Each one is a generator of all minimal pairs from its templates."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product

from rotrain.evaluation.grammar.lexicon import (
    ADJECTIVES,
    FIRST_PERSON,
    MEN,
    PEOPLE,
    PLACES,
    REFLEXIVE,
    TAILS,
    THINGS,
    VERBS,
    WOMEN,
    Noun,
)


@dataclass(frozen=True)
class Pair:
    """A minimal pair.

    Attributes:
        good: The right sentence.
        bad: The wrong sentence.
        words: The words that the pair is made of. Pairs with one word in common are not independent: who knows the gender of *casă* knows it in all
            pairs. The first word is the contrast: the word that decides which form is right, or the two forms, where they are all that is asked.
    """

    good: str
    bad: str
    words: tuple[str, ...] = field(compare=False)


Stream = Iterator[Pair]
PHENOMENA: dict[str, Callable[[], Stream]] = {}
MAX_PAIRS, SEED = 200, 0


def pairs(phenomenon: str) -> list[Pair]:
    """Return the minimal pairs of a phenomenon.

    If there are more than `MAX_PAIRS`, that many are drawn with a fixed seed, so the pairs are always the same.

    Args:
        phenomenon: Name of the phenomenon, a key of `PHENOMENA`.

    Examples:
        >>> len(pairs("numeral-gender")) <= MAX_PAIRS
        True
    """
    found = list(dict.fromkeys(PHENOMENA[phenomenon]()))
    if len(found) <= MAX_PAIRS:
        return found
    chosen = random.Random(f"{phenomenon} {SEED}").sample(range(len(found)), MAX_PAIRS)
    return [found[index] for index in sorted(chosen)]


def _phenomenon(make: Callable[[], Stream]) -> Callable[[], Stream]:
    PHENOMENA[make.__name__.replace("_", "-")] = make
    return make


def _pair(frame: str, good: str, bad: str, *words: str) -> Pair:
    """Return the pair of `frame` with `good` and with `bad` in the place of `_`. The first letter becomes a capital."""
    assert frame.count("_") == 1, frame
    first, second = (frame.replace("_", word) for word in (good, bad))
    return Pair(first[0].upper() + first[1:], second[0].upper() + second[1:], words)


def _one(noun: Noun) -> str:
    return "o" if noun.agrees(False) == "f" else "un"


@_phenomenon
def subject_verb_number() -> Stream:
    """Fata citește. / Fata citesc."""
    for noun, verb, tail in product(PEOPLE, VERBS, TAILS):
        yield _pair(f"{noun.sg_def} _ {tail}.", verb.sg3, verb.pl3, verb.sg3, noun.sg)
        yield _pair(f"{noun.pl_def} _ {tail}.", verb.pl3, verb.sg3, verb.sg3, noun.sg)


@_phenomenon
def subject_verb_attractor() -> Stream:
    """Vecinul studenților citește. / citesc: the nearer noun is not the subject."""
    for noun, other, verb in product(PEOPLE, PEOPLE, VERBS):
        if noun is not other:
            yield _pair(
                f"{noun.sg_def} {other.pl_gen} _ {TAILS[0]}.", verb.sg3, verb.pl3, verb.sg3, noun.sg, other.sg
            )
            yield _pair(
                f"{noun.pl_def} {other.sg_gen} _ {TAILS[0]}.", verb.pl3, verb.sg3, verb.sg3, noun.sg, other.sg
            )


@_phenomenon
def subject_verb_person() -> Stream:
    """Noi citim. / Noi citiți."""
    for verb, tail in product(VERBS, TAILS):
        yield _pair(f"eu _ {tail}.", verb.sg1, verb.sg2, verb.sg1)
        yield _pair(f"tu _ {tail}.", verb.sg2, verb.sg1, verb.sg1)
        yield _pair(f"noi _ {tail}.", verb.pl1, verb.pl2, verb.sg1)
        yield _pair(f"voi _ {tail}.", verb.pl2, verb.pl1, verb.sg1)


@_phenomenon
def adjective_gender_predicate() -> Stream:
    """Casa este albă. / Casa este alb."""
    for noun, adjective in product(THINGS, ADJECTIVES):
        for plural in (False, True):
            masculine, feminine = adjective.form("m", plural), adjective.form("f", plural)
            own, other = (feminine, masculine) if noun.agrees(plural) == "f" else (masculine, feminine)
            head = f"{noun.pl_def} sunt" if plural else f"{noun.sg_def} este"
            yield _pair(f"{head} _.", own, other, noun.sg, adjective.m_sg)


@_phenomenon
def adjective_number_attributive() -> Stream:
    """Am văzut niște case albe. / niște case albă."""
    for noun, adjective in product(THINGS, ADJECTIVES):
        many, one = adjective.form(noun.agrees(True), True), adjective.form(noun.agrees(False), False)
        yield _pair(f"am văzut niște {noun.pl} _.", many, one, adjective.m_sg, noun.sg)
        yield _pair(f"am văzut {_one(noun)} {noun.sg} _.", one, many, adjective.m_sg, noun.sg)


@_phenomenon
def demonstrative_gender() -> Stream:
    """Acest băiat vine. / Această băiat vine."""
    for noun, verb in product(PEOPLE, VERBS):
        own, other = ("această", "acest") if noun.gender == "f" else ("acest", "această")
        yield _pair(f"_ {noun.sg} {verb.sg3} {TAILS[1]}.", own, other, noun.sg, verb.sg3)


@_phenomenon
def demonstrative_article() -> Stream:
    """Acest băiat vine. / Acest băiatul vine."""
    for noun, verb in product(PEOPLE, VERBS):
        this = "această" if noun.gender == "f" else "acest"
        yield _pair(f"{this} _ {verb.sg3} {TAILS[2]}.", noun.sg, noun.sg_def, noun.sg, verb.sg3)


@_phenomenon
def indefinite_article_form() -> Stream:
    """Am cumpărat o casă albă. / o casa albă."""
    for noun, adjective in product(THINGS, ADJECTIVES):
        word = adjective.form(noun.agrees(False), False)
        yield _pair(f"am găsit {_one(noun)} _ {word}.", noun.sg, noun.sg_def, noun.sg, adjective.m_sg)


@_phenomenon
def preposition_article() -> Stream:
    """Copilul doarme în tren. / în trenul: a noun without a modifier has no article after a preposition."""
    for noun, place, verb in product(PEOPLE, PLACES, VERBS):
        yield _pair(f"{noun.sg_def} {verb.sg3} în _.", place.sg, place.sg_def, place.sg, noun.sg, verb.sg3)


@_phenomenon
def genitive_article() -> Stream:
    """O carte a profesorului. / O carte al profesorului."""
    for thing, owner in product(THINGS, PEOPLE):
        one, other = ("a", "al") if thing.agrees(False) == "f" else ("al", "a")
        yield _pair(f"am găsit {_one(thing)} {thing.sg} _ {owner.sg_gen}.", one, other, thing.sg, owner.sg)
        many, wrong = ("ale", "ai") if thing.agrees(True) == "f" else ("ai", "ale")
        yield _pair(f"am găsit niște {thing.pl} _ {owner.sg_gen}.", many, wrong, thing.sg, owner.sg)


@_phenomenon
def dative_case() -> Stream:
    """I-am dat fetei o carte. / I-am dat fata o carte."""
    for person, thing in product(PEOPLE, THINGS):
        what = f"{_one(thing)} {thing.sg}"
        yield _pair(f"i-am dat _ {what}.", person.sg_gen, person.sg_def, person.sg, thing.sg)
        yield _pair(f"le-am dat _ {what}.", person.pl_gen, person.pl_def, person.sg, thing.sg)


@_phenomenon
def clitic_doubling_accusative() -> Stream:
    """Pe Maria o aștept. / Pe Maria îl aștept."""
    for verb, tail in product(FIRST_PERSON, TAILS):
        for name in WOMEN:
            yield _pair(f"pe {name} _ {verb} {tail}.", "o", "îl", name, verb)
        for name in MEN:
            yield _pair(f"pe {name} _ {verb} {tail}.", "îl", "o", name, verb)


@_phenomenon
def clitic_doubling_missing() -> Stream:
    """Pe Maria o aștept. / Pe Maria aștept: an object before the verb is repeated by a clitic."""
    for name, verb, tail in product((*WOMEN, *MEN), FIRST_PERSON, TAILS):
        clitic = "o" if name in WOMEN else "îl"
        yield _pair(f"pe {name} _ {tail}.", f"{clitic} {verb}", verb, verb, name)


@_phenomenon
def clitic_doubling_dative() -> Stream:
    """Le-am spus copiilor adevărul. / I-am spus copiilor adevărul."""
    for person, what in product(PEOPLE, ("adevărul", "povestea", "totul", "vestea", "ceva nou")):
        yield _pair(f"_ spus {person.pl_gen} {what}.", "le-am", "i-am", person.sg, what)
        yield _pair(f"_ spus {person.sg_gen} {what}.", "i-am", "le-am", person.sg, what)


@_phenomenon
def relative_clitic() -> Stream:
    """Fata pe care o aștept vine. / Fata pe care îl aștept vine."""
    for person, first, verb in product(PEOPLE, FIRST_PERSON, VERBS):
        own, other = ("o", "îl") if person.gender == "f" else ("îl", "o")
        yield _pair(
            f"{person.sg_def} pe care _ {first} {verb.sg3} {TAILS[3]}.",
            own,
            other,
            person.sg,
            first,
            verb.sg3,
        )


@_phenomenon
def possessive_gender() -> Stream:
    """Casa mea este albă. / Casa meu este albă."""
    for thing, adjective in product(THINGS, ADJECTIVES):
        own, other = ("mea", "meu") if thing.agrees(False) == "f" else ("meu", "mea")
        word = adjective.form(thing.agrees(False), False)
        yield _pair(f"{thing.sg_def} _ este {word}.", own, other, thing.sg, adjective.m_sg)


@_phenomenon
def numeral_gender() -> Stream:
    """Două case albe. / Doi case albe."""
    for thing, adjective in product(THINGS, ADJECTIVES):
        own, other = ("două", "doi") if thing.agrees(True) == "f" else ("doi", "două")
        yield _pair(
            f"am văzut _ {thing.pl} {adjective.form(thing.agrees(True), True)}.",
            own,
            other,
            thing.sg,
            adjective.m_sg,
        )


@_phenomenon
def numeral_de() -> Stream:
    """Douăzeci de case. / Douăzeci case; cinci case. / cinci de case."""
    for thing, many in product(THINGS, ("douăzeci", "treizeci", "cincizeci", "o sută", "nouăzeci")):
        yield _pair(f"am văzut _ {thing.pl}.", f"{many} de", many, many, thing.sg)
    for thing, few in product(THINGS, ("trei", "cinci", "șapte", "zece", "unsprezece")):
        yield _pair(f"am văzut _ {thing.pl}.", few, f"{few} de", few, thing.sg)


@_phenomenon
def subjunctive_form() -> Stream:
    """Vreau ca fata să citească. / să citește."""
    for person, verb, want in product(PEOPLE, VERBS, ("vreau", "aș vrea", "e bine", "prefer")):
        yield _pair(f"{want} ca {person.sg_def} să _.", verb.subjunctive, verb.sg3, verb.sg3, person.sg)


@_phenomenon
def perfect_auxiliary() -> Stream:
    """Noi am venit. / Noi au venit."""
    for verb, tail in product(VERBS, TAILS):
        for subject, own, other in (
            ("eu", "am", "a"),
            ("tu", "ai", "ați"),
            ("voi", "ați", "ai"),
            ("noi", "am", "au"),
        ):
            yield _pair(
                f"{subject} _ {verb.participle} {tail}.", own, other, f"{own}/{other}", verb.participle
            )


@_phenomenon
def negative_concord() -> Stream:
    """Nimeni nu vine. / Nimeni vine."""
    for verb, tail in product(VERBS, TAILS):
        yield _pair(f"nimeni _ {tail}.", f"nu {verb.sg3}", verb.sg3, verb.sg3, "nimeni")
    for noun, verb in product(PEOPLE, VERBS):
        none = "nicio" if noun.gender == "f" else "niciun"
        yield _pair(f"{none} {noun.sg} _ {TAILS[4]}.", f"nu {verb.sg3}", verb.sg3, verb.sg3, noun.sg)


@_phenomenon
def hyphen_s_a() -> Stream:
    """Maria s-a întors. / Maria sa întors; casa sa / casa s-a."""
    for name, participle, tail in product((*WOMEN, *MEN), REFLEXIVE, ("acasă", "ieri", "din nou")):
        yield _pair(f"{name} _ {participle} {tail}.", "s-a", "sa", participle, name)
    for thing, adjective in product(THINGS, ADJECTIVES):
        if thing.agrees(False) == "f":
            word = adjective.form("f", False)
            yield _pair(f"{thing.sg_def} _ este {word}.", "sa", "s-a", thing.sg, adjective.m_sg)


@_phenomenon
def hyphen_homophones() -> Stream:
    """I-a spus. / Ia spus; ne-am / neam, l-a / la, s-au / sau, v-a / va."""
    for noun, tail in product(PEOPLE, TAILS):
        yield _pair(f"{noun.sg_def} _ ajutat {tail}.", "l-a", "la", "l-a/la", noun.sg)
        yield _pair(f"{noun.sg_def} _ scris {tail}.", "i-a", "ia", "i-a/ia", noun.sg)
        yield _pair(f"{noun.sg_def} _ căutat {tail}.", "v-a", "va", "v-a/va", noun.sg)
        yield _pair(f"{noun.pl_def} _ întors {tail}.", "s-au", "sau", "s-au/sau", noun.sg)
        yield _pair(f"noi _ întâlnit cu {noun.pl_def} {tail}.", "ne-am", "neam", "ne-am/neam", noun.sg)


@_phenomenon
def hyphen_intr_un() -> Stream:
    """Într-un oraș. / Întrun oraș."""
    for noun, place, verb in product(PEOPLE, PLACES, VERBS):
        article = _one(place)
        yield _pair(
            f"{noun.sg_def} {verb.sg3} _ {place.sg}.", f"într-{article}", f"într{article}", article, place.sg
        )


@_phenomenon
def diacritics_function_words() -> Stream:
    """Cred că vine. / Cred ca vine; să / sa, și / si, fără / fara, după / dupa."""
    for noun, verb in product(PEOPLE, VERBS):
        yield _pair(f"cred _ {noun.sg_def} {verb.sg3}.", "că", "ca", "că/ca", noun.sg)
        yield _pair(f"{noun.sg_def} vrea _ {verb.subjunctive}.", "să", "sa", "să/sa", noun.sg)
    for noun, name in product(PEOPLE, (*WOMEN, *MEN)):
        yield _pair(f"{noun.sg_def} _ {name} au plecat.", "și", "si", "și/si", noun.sg)
        yield _pair(f"{noun.sg_def} a venit _ {name}.", "fără", "fara", "fără/fara", noun.sg)
        yield _pair(f"{noun.sg_def} a plecat _ {name}.", "după", "dupa", "după/dupa", noun.sg)


@_phenomenon
def diacritics_words() -> Stream:
    """În fața casei. / În fata casei: without diacritics, or with others, these are other words."""
    for noun, place in product(PEOPLE, PLACES):
        yield _pair(f"{noun.sg_def} așteaptă în _ {place.sg_gen}.", "fața", "fata", "fața/fata", noun.sg)
    for noun, tail in product(PEOPLE, TAILS):
        yield _pair(f"{noun.sg_def} se spală pe _ {tail}.", "față", "fată", "față/fată", noun.sg)
        yield _pair(f"{noun.sg_def} mănâncă _ {tail}.", "pește", "peste", "pește/peste", noun.sg)
        yield _pair(f"{noun.sg_def} călătorește prin _ {tail}.", "țară", "tară", "țară/tară", noun.sg)
        yield _pair(f"{noun.sg_def} a căzut în _ {tail}.", "apă", "apa", "apă/apa", noun.sg)
