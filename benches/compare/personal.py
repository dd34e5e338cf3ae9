"""What redaction finds of generated personal data, and what it takes for personal data in text that has hardly any.

    python benches/compare/personal.py [--corpus ../shared/corpus] [--cases 1000] [MANUALS ...]

Of each kind `--cases` are generated in the forms in which people write them and put into sentences; a case is found when not
one of its digits or letters is left and nothing around it is touched. MANUALS are folders of manual pages (`apt-get download
manpages-ro`, `dpkg-deb -x`; .gz of roff, whose macros are left as they are). Of the corpus, documents of each source are read.
What is found there is counted by source and kind, and all of it but e-mail addresses is printed, to be judged by eye.
"""

import argparse
import gzip
import random
from collections import Counter, defaultdict
from pathlib import Path

from inflate import documents

from rotools import _rotext

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def grouped(text: str, sizes: list[int], sign: str) -> str:
    """The text in groups of these sizes."""
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return sign.join([*parts, text[at:]] if text[at:] else parts)


def cnp(rng: random.Random) -> str:
    """Sex and century, date, county, number, check digit."""
    digits = f"{rng.choice('12345678')}{rng.randint(0, 99):02}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    digits += f"{rng.choice([*range(1, 47), 51, 52]):02}{rng.randint(1, 999):03}"
    check = sum(int(a) * int(b) for a, b in zip(digits, "279146358279", strict=True)) % 11
    return digits + str(1 if check == 10 else check)


def iban(rng: random.Random) -> str:
    """Romanian or German, together or in fours."""
    if rng.random() < 0.7:
        land, account = "RO", "".join(rng.choices(LETTERS, k=4))
        account += "".join(rng.choices(LETTERS + "0123456789", k=16))
    else:
        land, account = "DE", "".join(rng.choices("0123456789", k=18))
    number = int("".join(str(int(sign, 36)) for sign in f"{account}{land}00"))
    whole = f"{land}{98 - number % 97:02}{account}"
    return rng.choice([whole, grouped(whole, [4] * (len(whole) // 4), " ")])


def card(rng: random.Random) -> str:
    """Visa, Mastercard or American Express with the check digit of Luhn."""
    start, length = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15)])
    digits = start + "".join(rng.choices("0123456789", k=length - len(start) - 1))
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits))]
    digits += str(-sum(n - 9 if n > 9 else n for n in doubled) % 10)
    sizes = [4, 4, 4, 4] if length == 16 else [4, 6, 5]
    return rng.choice([digits, grouped(digits, sizes, " "), grouped(digits, sizes, "-")])


def telephone(rng: random.Random) -> str:
    """Mobile or fixed, with and without the prefix of the country."""
    area = rng.choice(["72", "73", "74", "75", "76", "77", "78"]) + str(rng.randint(0, 9))
    area = rng.choice([area, area, rng.choice(["21", "31"]), rng.choice(["264", "256", "232", "372", "241"])])
    rest = "".join(rng.choices("0123456789", k=9 - len(area)))
    sign = rng.choice([" ", ".", "-", ""])
    sizes = rng.choice([[3, 3], [2, 2, 2]] if len(rest) == 6 else [[3, 2, 2], [3, 4]])
    split = grouped(rest, sizes, sign)
    start = rng.choice(
        [f"0{area}", f"0{area}", f"+40{area}", f"+40 {area}", f"0040{area}", f"(0{area})", f"+40 (0){area}"]
    )
    return start + ("" if sign == "" and rng.random() < 0.7 else sign or " ") + split


def email(rng: random.Random) -> str:
    """Name, company or office."""
    names = ["ion.popescu", "maria_ionescu", "a.b", "office", "contact+stiri", "vasile-dan", "I.Pop", "x1y2"]
    hosts = ["yahoo.com", "gmail.com", "primaria-cluj.ro", "mail.upb.ro", "firma.eu", "min-cultura.gov.ro"]
    return f"{rng.choice(names)}{rng.randint(1, 999)}@{rng.choice(hosts)}"


AROUND = [
    ("Date de contact: ", "."),
    ("(", ")"),
    ("„", "”"),
    ("\n", "\n"),
    ("la ", ", și altele"),
    ("nr. ", " din 2019"),
    ("CNP/IBAN/tel.:", ";"),
    ("=", "&"),
    ("<", ">"),
]
KINDS = {
    "[CNP]": cnp,
    "[IBAN]": iban,
    "[card]": card,
    "[telefon]": telephone,
    "[e-mail]": email,
}


def found_of_generated(cases: int, seed: int) -> None:
    """Prints what share is found, and what is not."""
    rng = random.Random(seed)
    for mark, make in KINDS.items():
        missed = []
        for _ in range(cases):
            secret, (before, after) = make(rng), rng.choice(AROUND)
            text, _ = _rotext.redact(f"{before}{secret}{after}")
            if text != f"{before}{mark}{after}":
                missed.append((before + secret + after, text))
        print(f"{mark}: {cases - len(missed)} of {cases} found")
        for given, text in missed[:12]:
            print(f"    {given!r} -> {text!r}")


def found_in_text(corpus: Path, manuals: list[Path]) -> None:
    """Prints what is found in texts, by source."""
    texts: dict[str, list[str]] = defaultdict(list)
    for record in documents(corpus, "web", "books"):
        texts[str(record.get("source", "?"))].append(record["text"])
    for folder in manuals:
        for path in sorted(folder.rglob("*.gz")):
            texts[folder.name].append(gzip.decompress(path.read_bytes()).decode(errors="replace"))
    for source, of in texts.items():
        counts: Counter[str] = Counter()
        shown = []
        for text in of:
            redacted, kinds = _rotext.redact(text)
            counts.update({name: n for name, n in kinds if n})
            for mark in ("[CNP]", "[IBAN]", "[card]", "[telefon]"):
                at = redacted.find(mark)
                while at >= 0:
                    around = redacted[max(at - 60, 0) : at + 50].replace("\n", " ")
                    if redacted.count(mark) > text.count(mark):
                        shown.append(f"{mark} {around}")
                    at = redacted.find(mark, at + 1)
        words = sum(len(text.split()) for text in of)
        print(f"{source}: {len(of):,} documents, {words:,} words: {dict(counts)}")
        for line in shown[:40]:
            print("   ", line)


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("manuals", nargs="*", type=Path)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found_of_generated(options.cases, options.seed)
    found_in_text(options.corpus, options.manuals)


if __name__ == "__main__":
    main()
