"""The words of the minimal pairs, with all their forms.

The forms follow DOOM3, the dictionary of the Romanian Academy. The tests derive the forms again, from the rules of declension
and conjugation, and compare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Gender = Literal["m", "f", "n"]


@dataclass(frozen=True)
class Noun:
    """A noun with six forms. A neuter is masculine in the singular and feminine in the plural.

    Attributes:
        gender: `m`, `f` or `n`.
        sg: Singular.
        sg_def: Singular with article.
        pl: Plural.
        pl_def: Plural with article.
        sg_gen: Genitive singular with article.
        pl_gen: Genitive plural with article.
    """

    gender: Gender
    sg: str
    sg_def: str
    pl: str
    pl_def: str
    sg_gen: str
    pl_gen: str

    def agrees(self, plural: bool) -> Literal["m", "f"]:
        """Return the gender that an adjective or article of the noun has, in the singular or plural."""
        if self.gender == "n":
            return "f" if plural else "m"
        return self.gender


@dataclass(frozen=True)
class Adjective:
    """An adjective by gender (`m`, `f`) and number (`sg`, `pl`)."""

    m_sg: str
    f_sg: str
    m_pl: str
    f_pl: str

    def form(self, gender: Literal["m", "f"], plural: bool) -> str:
        """Return the form for a gender and a number."""
        if gender == "m":
            return self.m_pl if plural else self.m_sg
        return self.f_pl if plural else self.f_sg


@dataclass(frozen=True)
class Verb:
    """A verb: the present by person and number, the third person of the subjunctive, and the participle."""

    sg1: str
    sg2: str
    sg3: str
    pl1: str
    pl2: str
    pl3: str
    subjunctive: str
    participle: str


_GENDERS: dict[str, Gender] = {"m": "m", "f": "f", "n": "n"}


def _nouns(table: str) -> list[Noun]:
    nouns = []
    for line in table.strip().splitlines():
        gender, *forms = line.split()
        nouns.append(Noun(_GENDERS[gender], *forms))
    return nouns


PEOPLE = _nouns("""
m băiat băiatul băieți băieții băiatului băieților
m student studentul studenți studenții studentului studenților
m vecin vecinul vecini vecinii vecinului vecinilor
m doctor doctorul doctori doctorii doctorului doctorilor
m elev elevul elevi elevii elevului elevilor
m profesor profesorul profesori profesorii profesorului profesorilor
m prieten prietenul prieteni prietenii prietenului prietenilor
m frate fratele frați frații fratelui fraților
m bărbat bărbatul bărbați bărbații bărbatului bărbaților
m copil copilul copii copiii copilului copiilor
f fată fata fete fetele fetei fetelor
f studentă studenta studente studentele studentei studentelor
f vecină vecina vecine vecinele vecinei vecinelor
f elevă eleva eleve elevele elevei elevelor
f prietenă prietena prietene prietenele prietenei prietenelor
f femeie femeia femei femeile femeii femeilor
f doamnă doamna doamne doamnele doamnei doamnelor
f soră sora surori surorile surorii surorilor
f bunică bunica bunici bunicile bunicii bunicilor
f profesoară profesoara profesoare profesoarele profesoarei profesoarelor
""")

THINGS = _nouns("""
f casă casa case casele casei caselor
f carte cartea cărți cărțile cărții cărților
f masă masa mese mesele mesei meselor
f floare floarea flori florile florii florilor
f haină haina haine hainele hainei hainelor
f grădină grădina grădini grădinile grădinii grădinilor
f scrisoare scrisoarea scrisori scrisorile scrisorii scrisorilor
f poveste povestea povești poveștile poveștii poveștilor
f cămașă cămașa cămăși cămășile cămășii cămășilor
f bicicletă bicicleta biciclete bicicletele bicicletei bicicletelor
n drum drumul drumuri drumurile drumului drumurilor
n oraș orașul orașe orașele orașului orașelor
n caiet caietul caiete caietele caietului caietelor
n scaun scaunul scaune scaunele scaunului scaunelor
n tablou tabloul tablouri tablourile tabloului tablourilor
n parc parcul parcuri parcurile parcului parcurilor
n pod podul poduri podurile podului podurilor
m copac copacul copaci copacii copacului copacilor
m munte muntele munți munții muntelui munților
m cal calul cai caii calului cailor
""")

PLACES = _nouns("""
n parc parcul parcuri parcurile parcului parcurilor
n oraș orașul orașe orașele orașului orașelor
n sat satul sate satele satului satelor
n tren trenul trenuri trenurile trenului trenurilor
n magazin magazinul magazine magazinele magazinului magazinelor
f grădină grădina grădini grădinile grădinii grădinilor
f pădure pădurea păduri pădurile pădurii pădurilor
f școală școala școli școlile școlii școlilor
f gară gara gări gările gării gărilor
f piață piața piețe piețele pieței piețelor
f casă casa case casele casei caselor
f biserică biserica biserici bisericile bisericii bisericilor
""")

ADJECTIVES = [
    Adjective(*line.split())
    for line in """
frumos frumoasă frumoși frumoase
bun bună buni bune
alb albă albi albe
negru neagră negri negre
înalt înaltă înalți înalte
curat curată curați curate
scump scumpă scumpi scumpe
vesel veselă veseli vesele
trist tristă triști triste
minunat minunată minunați minunate
ciudat ciudată ciudați ciudate
cunoscut cunoscută cunoscuți cunoscute
""".strip().splitlines()
]

# Verbs whose third person differs in singular and plural (none of the first conjugation).
VERBS = [
    Verb(*line.split())
    for line in """
merg mergi merge mergem mergeți merg meargă mers
citesc citești citește citim citiți citesc citească citit
dorm dormi doarme dormim dormiți dorm doarmă dormit
vorbesc vorbești vorbește vorbim vorbiți vorbesc vorbească vorbit
râd râzi râde râdem râdeți râd râdă râs
vin vii vine venim veniți vin vină venit
muncesc muncești muncește muncim munciți muncesc muncească muncit
fug fugi fuge fugim fugiți fug fugă fugit
zâmbesc zâmbești zâmbește zâmbim zâmbiți zâmbesc zâmbească zâmbit
tac taci tace tăcem tăceți tac tacă tăcut
greșesc greșești greșește greșim greșiți greșesc greșească greșit
plâng plângi plânge plângem plângeți plâng plângă plâns
""".strip().splitlines()
]

# Transitive verbs, first person: "o aștept", "îl văd".
FIRST_PERSON = ("aștept", "văd", "caut", "ascult", "cunosc", "salut", "întreb", "ajut")

WOMEN = ("Maria", "Ana", "Ioana", "Elena", "Ileana", "Cristina", "Irina", "Daniela")
MEN = ("Andrei", "Mihai", "Radu", "Vasile", "George", "Ștefan", "Victor", "Ion")

# Participles that take a reflexive: "s-a întors".
REFLEXIVE = (
    "dus",
    "întors",
    "trezit",
    "gândit",
    "speriat",
    "odihnit",
    "plimbat",
    "supărat",
    "așezat",
    "grăbit",
)

TAILS = (
    "în fiecare zi",
    "de dimineață",
    "până târziu",
    "foarte des",
    "destul de rar",
    "fără motiv",
    "toată ziua",
    "din nou",
)
