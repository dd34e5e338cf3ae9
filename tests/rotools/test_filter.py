"""`rotools filter`: the rules of docs/reference/filter-rules.md, the language, personal data, the ledger."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rotools_program import contents, jsonl, rotools, texts

from rotools import _rotext

PROSE = (
    "Când soarele a apus peste dealuri, oamenii din sat s-au strâns lângă fântână și au vorbit despre recolta din acest an. "
    "Bătrânul le-a spus că ploile vor veni mai târziu decât de obicei, iar nimeni nu l-a contrazis, fiindcă știa ce spune. "
    "Copiii alergau printre carele pline cu fân, fără să le pese de grijile celor mari, și râdeau de câinele care îi urma. "
    "Într-o casă de la marginea drumului ardea o lumină mică; acolo stătea învățătorul, care citea până noaptea târziu.\n"
)
ENGLISH = (
    "When the sun had set behind the hills, the people of the village met at the well and talked about the harvest of "
    "this year. The old man told them that the rain would come later than usual, and nobody said anything against it."
)


def verdict(text: str, profile: str = "web") -> str | None:
    dropped = _rotext.judge(text, profile)["dropped"]
    return dropped and dropped["rule"]


def test_the_rules_are_those_of_the_document() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "filter-rules.md").read_text(encoding="utf-8")
    written: dict[str, tuple[str, list[float | None], list[float | None]]] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or cells[1] not in ("below", "above"):
            continue
        name = re.findall(r"`([^`]+)`", cells[0])[0]
        numbers = [[None if n == "-" else float(n) for n in cell.split()] for cell in cells[2:4]]
        written[name] = (cells[1], *numbers)
    rules = {id_: (side, web, books) for id_, _, side, web, books in _rotext.filter_rules()}
    groups = {"top-2-gram": [2, 3, 4], "repeated-5-grams": [5, 6, 7, 8, 9, 10]}
    expected = {}
    for name, (side, web, books) in written.items():
        for place, n in enumerate(groups.get(name, [0])):
            each = [values[place] if place < len(values) else values[0] for values in (web, books)]
            expected[re.sub(r"\d+", str(n), name)] = (side, *each)
    assert expected == rules


def test_prose_is_kept_and_other_languages_are_removed() -> None:
    assert verdict(PROSE) is None
    assert verdict(PROSE * 20, "books") == "duplicate-line-bytes"
    assert verdict(ENGLISH) == "language"
    plain = PROSE.translate(str.maketrans("ăâîșțĂÂÎȘȚ", "aaistAAIST"))
    assert verdict(plain) is None
    measures = _rotext.judge(plain)["measures"]
    assert measures["language"] == "romanian" and measures["diacritics"] == 0
    # Half and half: the share of the paragraphs decides.
    assert verdict(f"{PROSE}\n{ENGLISH}\n\n{ENGLISH}\n\n{ENGLISH}") == "language"
    assert verdict(f"{PROSE}\n{PROSE[:200]}\n\n{ENGLISH}") is None


def lines(*words: str) -> str:
    return "\n".join(words)


SENTENCES = [sentence.strip() for sentence in PROSE.split(". ")]
BROKEN = {
    "words": "Doar atât este de spus.",
    "garbled-words": PROSE + "c4nd m3rg dr3pt c^tre s0at lum1na c5re arde p8ste d9al v2ne b1tr " * 3,
    "alpha-words": "Tabelul de la pagina 12 cu rezultatele este: " + "12 14 15 16 18 20 " * 10,
    "word-length": "Adresa este de la " + "dezoxiribonucleotidiltransferazei " * 30,
    "symbols": PROSE[:200]
    + " ▓▓▓▓▓▓▓▓░░░░░░░░ ★★★★★★★★ ♥♥♥♥♥♥♥♥ ☎☎☎☎☎☎☎☎ €€€€€€€€€€€€€ £££££££££££ ¥¥¥¥¥¥¥¥ " * 2,
    "digits": "Coduri pentru produsele noastre: " + "x123456789 y987654321 z55512345 1234567890123 " * 4,
    "hashes": PROSE + "#a #b #c #d #e #f #g #h #i #j #k #l " * 2,
    "ellipses": "… ".join(re.findall(r"\S+ \S+", PROSE)),
    "bullet-lines": lines(*(f"• {sentence}." for sentence in SENTENCES * 2)),
    "ellipsis-lines": lines(*(f"{sentence}..." for sentence in SENTENCES), *SENTENCES),
    "closed-lines": lines(
        *(sentence.rstrip(".") for sentence in SENTENCES),
        "Apoi au plecat spre casă cu toții, pe drumul cel vechi de lângă moară",
    ),
    "separators": "Prima pagină > Cărți > Romane > Autori români > Ediții vechi > Coșul meu » Livrare » Contul meu",
    "code": "if (este_gata(x)) {{ afiseaza(nume()) }} else -> opreste(); // restul nu se mai face, ci se sare peste el",
    "lines-per-word": lines(*re.findall(r"\S+ \S+", PROSE)).replace("și", "și."),
    "duplicate-lines": lines(
        *(f"{sentence}." for sentence in SENTENCES), *["A venit iar seara cea mare."] * 20
    ),
    "duplicate-line-bytes": lines(*(f"{s}." for s in SENTENCES), PROSE.strip(), PROSE.strip(), *"abcdefgh"),
    "top-2-gram": PROSE
    + "oamenii dintotdeauna spun că " * 12
    + "așa este mai bine pentru noi toți, deci să fie.",
}


@pytest.mark.parametrize("rule", BROKEN)
def test_every_rule_has_its_text(rule: str) -> None:
    # This rule alone: what else is wrong with the text does not matter here.
    others = [(id_, None) for id_, *_ in _rotext.filter_rules() if id_ != rule]
    found = _rotext.judge(BROKEN[rule], thresholds=others)
    assert found["dropped"] is not None and found["dropped"]["rule"] == rule, found["measures"]
    assert _rotext.judge(PROSE, thresholds=others)["dropped"] is None


@pytest.mark.parametrize("sign", ["N", "S", "T", "_", "~", "{", "□", "¿"])
def test_a_sign_for_each_letter_of_a_text_is_garbled(sign: str) -> None:
    """A font or a table lost one letter, and the rest of the text is good."""
    assert verdict(PROSE.replace("ă", sign)) == "garbled-words"
    assert verdict(PROSE.translate(str.maketrans(dict.fromkeys("ăâîșț", sign)))) == "garbled-words"


def test_names_and_marks_are_no_lost_letters() -> None:
    text = PROSE + (
        " Funcția citeste_rand() din OpenSSL și nume_fisier din LaTeX sunt în programul iPhone, la 5 kW și 20 m2. A spus1 și a adus2 tot, "
        "iar _toată_ lumea și *fiecare* om știe că d[omnul] Vasile a plecat."
    )
    assert _rotext.judge(text)["measures"]["garbled_words"] < 0.02


KEPT = {
    "blank lines": "Muzeul satului\n\n\n\n\n\nBilete\n\n\n\n\n\nProgram\n\n\n\n\n\n\n" + PROSE + "\n" * 60,
    "comment without diacritics": "tot respectul pentru vanzator, produsul a ajuns repede si merge perfect, il iau si pe al doilea",
    "advice without diacritics": "Uitati-va bine inainte sa cumparati, bateria nu tine nici macar doua ceasuri, pacat de bani",
    "verse without signs": lines(
        "plouă iar pe strada mare",
        "și copacii dorm adânc",
        "o fereastră nu mai doare",
        "când o plec pe lângă prund",
        "trenul fluieră departe",
        "ca un om care a uitat",
        "cine scrie într-o carte",
        "numele lui de băiat",
    ),
    "theatre": lines(
        "MAMA: Unde... unde ai stat atâta...",
        "FIUL: La gară... n-a mai venit niciun tren...",
        "MAMA: Vine mâine... vine el și mâine...",
        "FIUL: Mâine... mereu spui mâine... iar eu aștept...",
        "MAMA: Toți am așteptat... așa e la noi...",
    ),
    "song": lines(
        "Pe deal crește iarbă nouă.",
        "Du-te, vântule, du-te!",
        "Peste sat coboară rouă.",
        "Du-te, vântule, du-te!",
        "Lunca toată s-a umplut.",
        "Du-te, vântule, du-te!",
        "Unde ești, ce s-a făcut?",
        "Du-te, vântule, du-te!",
    ),
    "headings of Markdown": lines(
        "# Statut",
        "## Partea a doua",
        "### Capitolul 3",
        "#### Secțiunea 2",
        "##### Articolul 8",
        "Membrii plătesc cotizația lunar.",
        "##### Articolul 9",
        "Adunarea alege președintele.",
        "##### Articolul 10",
        "Cenzorii verifică registrele anual.",
    ),
    "names": "Au primit diplome Ștefan Mureșan, Ilinca Țîrlea, Răzvan Bălășescu, Mădălina Crișan, Sânziana Păun, Ioniță "
    "Vâlcea, Călin Șerbănescu, Brândușa Ghiță, Ștefania Lăcustă, Bogdan Țară, Nicușor Bâtcă.",
    "prices": "În 2019 un bilet era 1.450 de lei, în 2020 a urcat la 1.875, iar din 2021 este 2.130 de lei sau 430 de euro.",
    "slashes in a sentence": "Întârzie trenurile dinspre Brăila / Buzău / Ploiești / Brașov și cele de pe ruta Suceava / Bacău.",
    "numbers of laws": "Ordinul nr. 31 / 2011 completează Hotărârea nr. 7 / 1999 și Legea nr. 5 / 1994, iar Decretul nr. 2 / 1968 iese din vigoare.",
    "glossary": lines(
        "CJT = Consiliul Județean, care aprobă bugetul drumurilor și al podurilor.",
        "Hambar = clădire de lemn în care se ține grâul peste iarnă.",
        "Covată = vas scobit dintr-un trunchi, în care se frământă pâinea.",
        "Plopeanu = om venit dintr-un sat cu plopi, nume rar astăzi.",
        "R2V = robinet de golire, montat sub al doilea vas.",
        "Bunicul le-a spus pe toate celor mici, ca să nu se uite.",
    ),
    "glossary without full stops": lines(
        "Covată = vas scobit dintr-un trunchi",
        "Hambar = clădire în care se ține grâul peste iarnă",
        "Jgheab = vas lung din care beau vitele",
        "Laviță = scândură lată pe care se stă lângă perete",
        "Leucă = bucată de lemn care sprijină loitra carului la roată",
        "Vârtelniță = unealtă de depănat",
    ),
    "terms in bold": lines(
        "**Covată** vas scobit dintr-un trunchi",
        "**Hambar** clădire în care se ține grâul peste iarnă",
        "**Jgheab** vas lung din care beau vitele",
        "**Laviță** scândură lată pe care se stă lângă perete",
        "**Leucă** bucată de lemn care sprijină loitra carului",
    ),
    "dictionary": lines(
        "COVATĂ, covate, s. f. Vas de lemn scobit, în care se frământă pâinea",
        "HAMBAR, hambare, s. n. Clădire de lemn, cu un singur cat, pentru cereale și făină",
        "JGHEAB, jgheaburi, s. n. Vas lung, din care se adapă vitele la fântână",
        "LAVIȚĂ, lavițe, s. f. Scândură lată, așezată de-a lungul unui perete",
        "LEUCĂ, leuci, s. f. Parte a carului, cu un capăt la osie",
    ),
    "calculation": lines(
        "Suprafața se află din lungime și din lățime, ca în exemplul de mai jos.",
        "Lungimea = 9 metri, măsurată de la poartă până la zid.",
        "Suprafața = 9 × 4 = 36 de metri, deci ajung două cutii de vopsea.",
    ),
    "message with bullets": lines(
        "Parola nu se potrivește.",
        "Ea trebuie să aibă:",
        "• o literă mare",
        "• două cifre",
        "• un semn",
    ),
}


@pytest.mark.parametrize("kind", KEPT)
def test_honest_text_of_every_kind_is_kept(kind: str) -> None:
    assert _rotext.judge(KEPT[kind])["dropped"] is None, _rotext.judge(KEPT[kind])["dropped"]


def test_formulas_in_sentences_weigh_less_than_in_short_lines() -> None:
    """Statutes and references repeat formulas in sentences, lists of labels in short lines."""
    formula = "se stabilește prin ordin al conducătorului autorității competente, publicat cu treizeci de zile înainte, iar"
    sentences = [f"{name} {formula} cine nu îl respectă plătește." for name in ("Taxa", "Tariful", "Programul", "Ordinea", "Chiria", "Renta")]  # fmt: skip
    off = [(id_, None) for id_, *_ in _rotext.filter_rules() if id_ != "repeated-10-grams"]

    def value(text: str) -> float:
        return float(_rotext.judge(text, thresholds=[*off, ("repeated-10-grams", 0.0)])["dropped"]["value"])

    short = "\n".join(sentence.replace(", ", ",\n") for sentence in sentences)
    assert value("\n".join(sentences)) == pytest.approx(value(short) / 1.3)


JUNK = {
    "breadcrumb": "Acasă » Produse » Grădină » Unelte » Seturi » Recenzii » Despre acest produs » Livrare gratuită",
    "template": "{% if pagina.titlu %} <h1>{{ pagina.titlu }}</h1> {% endif %} Bine ai venit, {{ client.nume }}, la noi! "
    '<a href="{{ cos.url }}">Vezi coșul</a> și alege ce îți place din ofertă.',
    "letter with places": "Stimate %NUME%, ai cumpărat %PRODUS% la prețul de %PRET% lei, iar factura %NUMAR% vine la adresa %ADRESA% cât de curând.",
    "record of JSON": '{"nume": "Marin", "oras": "Brăila", "anul": 34, "cartier": {"strada": "Teilor", "nr": 5}, "activ": true, "despre": "nu a fost la școală"}',
    "program": lines(
        "def suma(lista):  # se adună toate numerele din listă",
        "    total = rezultat(0)",
        "    for x in citeste(lista()):",
        "        total += valoare(x())",
        "    return afiseaza('gata', total)  # aici se întoarce rezultatul",
    ),
    "settings": lines(
        "fereastra-titlu = Alege o culoare pentru fundalul paginii",
        "fereastra-ajutor = Apasă pe o culoare ca să o vezi pe toată pagina",
        "butonInchide.eticheta = Închide fereastra și păstrează culoarea",
        "butonInchide.tasta = C",
        "mesajEroare2 = Culoarea nu a putut fi citită din fișierul ales",
    ),
    "settings without blanks": lines(
        "fereastra-titlu=Alege o culoare pentru fundalul paginii",
        "fereastra-ajutor\t= Apasă pe o culoare ca să o vezi pe toată pagina",
        "butonInchide=Închide fereastra și păstrează culoarea",
        "mesaj_eroare\t=\tCuloarea nu a putut fi citită din fișierul ales",
    ),
    "properties of a product": lines(
        "Culoare: negru",
        "Material: bumbac",
        "Producător: necunoscut",
        "Stoc: disponibil acum",
        "Livrare: gratuită",
        "Garanție: doi ani",
        "Retur: treizeci zile",
    ),
    "breadcrumbs with full stops": lines(
        "Pornire > Scule > Ciocane > Cu coadă de lemn > Comandă.",
        "Pornire > Scule > Clești > Pentru sârmă groasă > Comandă;",
    ),
    "menu with bullets": lines(
        "• Pornire · Ziare · Fotbal · Vremea · Scrie-ne",
        "• Politică · Piață · Afară · Teatru · Spitale",
    ),
    "translation": lines(
        "#: pagina.py:12",
        'msgid "Save"',
        'msgstr "Salvează pagina în dosarul ales mai devreme"',
        "#: pagina.py:40",
        'msgid "Open"',
        'msgstr "Deschide o pagină din dosarul ales mai devreme"',
    ),
    "manual page before it is set": lines(
        ".TH GREBLA 1",
        r"\fBgrebla\fP adună frunzele din \fICURTE\fP și le pune în \fIGRĂMADĂ\fP.",
        ".TP",
        r"\fB\-u\fP, \fB\-\-ud\fP",
        "adună și frunzele ude",
    ),
}


@pytest.mark.parametrize("kind", JUNK)
def test_what_is_no_text_goes(kind: str) -> None:
    assert verdict(JUNK[kind]) is not None, _rotext.judge(JUNK[kind])["measures"]


def texts_of(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]


def test_an_article_that_stands_twice_is_cut_and_kept(tmp_path: Path) -> None:
    page = f"Gazeta\n{PROSE}Varianta pentru tipar\n{PROSE}"
    source = jsonl(tmp_path / "in.jsonl", [page])
    run = rotools("filter", source, "--out", tmp_path / "out.jsonl")
    assert texts_of(tmp_path / "out.jsonl") == [f"Gazeta\n{PROSE}Varianta pentru tipar"]
    assert "lines of repeated passages cut: 1" in run.stderr
    rotools("filter", source, "--out", tmp_path / "all.jsonl", "--no-boilerplate")
    assert texts_of(tmp_path / "all.jsonl") == []


def test_texts_name_every_rule_of_the_web() -> None:
    """Rules of runs of words share one mechanism, held against its definition in the core."""
    on = {id_ for id_, _, _, web, _ in _rotext.filter_rules() if web is not None}
    assert on - set(BROKEN) - {"language", "stop-words"} == {
        id_ for id_ in on if re.search(r"[3-9]-gram|10-gram", id_)
    }
    assert verdict("Lorem ipsum dolor sit amet " * 5) in ("language", "stop-words")


def test_threads_change_nothing_and_every_removal_has_a_reason(tmp_path: Path) -> None:
    documents = [PROSE + f"Povestea {n} s-a terminat." for n in range(300)]
    documents[5], documents[7], documents[9] = (
        ENGLISH,
        "Prea scurt.",
        PROSE + " Scrie la ana@firma.ro sau la 0721 123 456.",
    )
    documents[11] = PROSE.translate(str.maketrans("ăâîșț", "aaist"))
    source = jsonl(tmp_path / "in.jsonl", documents)
    results = []
    for threads in (1, 2, 5):
        folder = tmp_path / str(threads)
        folder.mkdir()
        rotools("filter", source, "--out", folder / "out.jsonl", "--threads", threads, "--quiet")
        results.append(contents(folder))
    assert results[0] == results[1] == results[2]
    assert set(results[0]) == {"out.jsonl", "out.jsonl.ledger.parquet", "out.jsonl.rejects.jsonl"}
    kept = {r["id"]: r["text"] for r in map(json.loads, results[0]["out.jsonl"].decode().splitlines())}
    assert len(kept) == 298 and "d5" not in kept and "d7" not in kept
    assert kept["d9"].endswith("Scrie la [e-mail] sau la [telefon].")
    ledger = tmp_path / "1" / "out.jsonl.ledger.parquet"
    for id_, action, rule in [
        ("d5", "drop", "language"),
        ("d7", "drop", "words"),
        ("d11", "flag", "diacritics"),
        ("d9", "edit", "personal-email"),
    ]:
        rows = json.loads(rotools("why", id_, "--ledger", ledger, "--json").stdout)["rows"]
        assert (rows[0]["action"], rows[0]["rule"], rows[0]["stage"]) == (action, rule, "filter")
        assert rows[0]["value"] is not None


def test_annotations_drop_nothing_and_change_nothing(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "in.jsonl", [PROSE + "Sună la 0721 123 456.", ENGLISH, "Prea scurt."])
    rotools("filter", source, "--out", tmp_path / "out.jsonl", "--annotate", "--quiet")
    before = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    after = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    verdicts = [record.pop("filter") for record in after]
    assert after == before
    assert [v["dropped"] and v["dropped"]["rule"] for v in verdicts] == [None, "language", "words"]
    assert verdicts[0]["measures"]["words"] == len((PROSE + "Sună la 0721 123 456.").split())


def test_thresholds_and_diacritics_by_option(tmp_path: Path) -> None:
    plain = PROSE.translate(str.maketrans("ăâîșț", "aaist"))
    source = jsonl(tmp_path / "in.jsonl", [PROSE, ENGLISH, plain])

    def kept(*options: str) -> int:
        done = rotools("filter", source, "--out", tmp_path / "out.jsonl", "--json", "--quiet", *options)
        return int(json.loads(done.stdout)["read"]["documents"])

    assert kept() == 2
    assert kept("--threshold", "language=off", "--threshold", "stop-words=off") == 3
    assert kept("--threshold", "words=1000") == 0
    assert kept("--diacritics", "drop") == 1
    unknown = rotools("filter", source, "--out", tmp_path / "out.jsonl", "--threshold", "size=3", code=2)
    assert (
        "no filter rule `size`" in unknown.stderr and "hint: the rules are words, language" in unknown.stderr
    )
    rotools("filter", source, "--out", tmp_path / "out.jsonl", "--threshold", "words", code=2)


def test_pack_filters_by_the_kind_of_the_phase(tmp_path: Path) -> None:
    # A list of open lines: no prose for the web, and nothing against it in a book.
    verse = lines(
        *(f"Dulap vechi de lemn masiv, model {n}, lucrat manual, ceară, lac, mânere noi" for n in range(70))
    )
    good = [PROSE + f"Povestea {n} s-a terminat cu bine." for n in range(30)]
    web = jsonl(tmp_path / "web.jsonl", [*good, ENGLISH, f"{verse}\nsfârșit"])
    books = jsonl(tmp_path / "books.jsonl", [f"{verse}\nalt sfârșit", ENGLISH * 10])
    phases = ["--phase", f"web={web}", "--phase", f"books={books}", "--accept-loss"]
    done = rotools("pack", *phases, "--vocab-size", 500, "--out", tmp_path / "pack", "--json", "--quiet")
    report = {part["name"]: part["read"] for part in json.loads(done.stdout)["phases"]}
    assert report["web"]["filter"]["dropped"] == {"language": 1, "closed-lines": 1}
    assert report["books"]["filter"]["dropped"] == {"language": 1}
    row = json.loads(
        rotools("why", "d31", "--ledger", tmp_path / "pack" / "ledger.parquet", "--json").stdout
    )["rows"][0]
    assert (row["rule"], row["source"]) == ("closed-lines", str(web))
    manifest = json.loads((tmp_path / "pack" / "manifest.json").read_text("utf-8"))
    assert manifest["config"]["filter"]["books"]["thresholds"]["words"] == 200
    bare = rotools(
        "pack", *phases, "--vocab-size", 500, "--out", tmp_path / "all", "--json", "--quiet", "--no-filter"
    )
    assert "filtered" not in json.loads(bare.stdout)["phases"][0]["read"]["rejected"]


def cnp(rng: random.Random) -> str:
    digits = f"{rng.choice('12345678')}{rng.randint(0, 99):02}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    digits += f"{rng.choice([*range(1, 47), 51, 52]):02}{rng.randint(1, 999):03}"
    check = sum(int(a) * int(b) for a, b in zip(digits, "279146358279", strict=True)) % 11
    return digits + str(1 if check == 10 else check)


def iban(rng: random.Random) -> str:
    account = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=4))
    account += "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=16))
    number = int("".join(str(int(sign, 36)) for sign in account + "RO00"))
    whole = f"RO{98 - number % 97:02}{account}"
    return whole if rng.random() < 0.5 else " ".join(whole[i : i + 4] for i in range(0, 24, 4))


def telephone(rng: random.Random) -> str:
    n = f"{rng.randint(0, 9999999):07}"
    area = rng.choice(["72", "74", "76", "21", "31"])
    patterns = ["0{a}{n}", "0{a}{n[0]} {n[1]}{n[2]}{n[3]} {n[4]}{n[5]}{n[6]}", "+40{a}{n}", "0040 {a}{n}"]
    patterns += [
        "+40 {a}{n[0]} {n[1]}{n[2]}{n[3]} {n[4]}{n[5]}{n[6]}",
        "0{a}{n[0]}.{n[1]}{n[2]}{n[3]}.{n[4]}{n[5]}{n[6]}",
    ]
    return rng.choice(patterns).format(a=area, n=n)


def email(rng: random.Random) -> str:
    def letters(k: int) -> str:
        return "".join(rng.choices("abcdefghij0123456789", k=k)) + rng.choice("abc")

    name = letters(rng.randint(1, 12)) + rng.choice(["", "."]) + letters(3)
    return f"{name}@{letters(rng.randint(2, 9))}.{rng.choice(['ro', 'com', 'edu.ro', 'gov.ro', 'info'])}"


@given(st.integers(0, 10**9))
def test_personal_data_is_always_replaced(seed: int) -> None:
    rng = random.Random(seed)
    for make, mark in [(cnp, "[CNP]"), (iban, "[IBAN]"), (telephone, "[telefon]"), (email, "[e-mail]")]:
        secret = make(rng)
        before, after = rng.choice(
            [("Date: ", "."), ("(", ")"), ("„", "”"), ("\n", "\n"), ("la ", ", și altele")]
        )
        text, counts = _rotext.redact(f"{before}{secret}{after}")
        assert text == f"{before}{mark}{after}", secret
        assert sum(n for _, n in counts) == 1


@given(st.text(alphabet="ab12 09.@-+()/ROșț\n", max_size=60))
def test_redaction_ends_and_repeats_nothing(text: str) -> None:
    once, _ = _rotext.redact(text)
    assert _rotext.redact(once)[0] == once


def test_a_page_of_buttons_alone_is_removed_as_empty(tmp_path: Path) -> None:
    page = "Distribuie pe Facebook\nCitește mai mult\n"
    corpus = jsonl(tmp_path / "corpus.jsonl", [page, *texts(30, 2), page])
    # The rule against few words would take it first.
    command = ("pack", corpus, "--vocab-size", 400, "--threshold", "words=off", "--json")
    report = json.loads(rotools(*command, "--out", tmp_path / "p").stdout)
    read = report["phases"][0]["read"]
    assert read["rejected"]["empty"] == 2 and read["filter"]["boilerplate_lines"] == 4
    kept = json.loads(rotools(*command, "--out", tmp_path / "q", "--no-boilerplate").stdout)
    assert "empty" not in kept["phases"][0]["read"]["rejected"]
