//! How words end, by language: of a thousand words of four letters and more that are on no list, how many end in each
//! pair of letters. Our own counts, rounded, of novels and web pages (Romanian) and of manual pages (the others), without
//! diacritics.
//!
//! A comment in Romanian without diacritics has few words that Italian or Spanish lacks, but its nouns end in `-ul` and
//! `-ea`, and hardly a word in `-o`.

use super::function_words::Language;

/// The endings of the languages that were counted; a pair that is missing in one of them is rarer than one in a thousand.
pub(super) const ENDINGS: &[(Language, &str)] = &[
    (
        Language::Romanian,
        "le 50 ta 48 te 48 re 46 ul 44 ea 42 or 28 ii 25 ti 22 at 19 ri 19 ui 18 ne 17 ra 17 er 16 ie 16 za 16 ca 15 ce 13 on \
         13 al 12 es 12 ia 12 na 12 nd 12 nt 12 se 12 ei 11 ng 11 it 10 la 10 ed 9 me 9 ge 8 de 7 ma 7 ni 7 sa 7 ar 6 el 6 an 5 \
         ct 5 il 5 ns 5 st 5 ut 5 ve 5 am 4 ci 4 da 4 en 4 et 4 in 4 iu 4 rs 4 si 4 ts 4 ze 4 em 3 ga 3 is 3 ll 3 ls 3 lt 3 ly \
         3 ol 3 ow 3 ps 3 rd 3 rt 3 ss 3 us 3 va 3 as 2 au 2 ch 2 ht 2 io 2 nu 2 ot 2 ry 2 sc 2 ux 2 ad 1 be 1 cs 1 ds 1 ee 1 \
         gi 1 gs 1 he 1 im 1 ld 1 li 1 lo 1 mi 1 os 1 rn 1 ro 1 to 1 tu 1 ty 1 ue 1 un 1 up 1 ur 1",
    ),
    (
        Language::English,
        "ed 63 on 51 es 49 ng 46 er 43 nt 39 ce 32 le 31 te 29 nd 27 ts 27 st 23 ct 22 ly 22 ud 20 ns 18 ss 18 en 17 ne 17 de \
         16 al 15 gs 15 ha 13 rs 13 ut 13 ge 12 ds 11 me 11 ry 11 ls 10 se 9 up 9 re 8 ve 8 et 7 ht 7 in 7 lt 7 ch 6 ld 6 ll 6 \
         ps 6 at 5 el 5 rd 5 rt 5 ue 5 ad 4 or 4 ta 4 be 3 em 3 it 3 rn 3 ty 3 am 2 an 2 ar 2 cs 2 ee 2 is 2 ol 2 ot 2 ow 2 us \
         2 as 1 il 1 ma 1 ny 1 os 1 ra 1 ro 1 ul 1 ze 1",
    ),
    (
        Language::French,
        "es 97 nt 72 on 62 re 53 er 50 le 44 te 36 rs 29 ne 28 ue 26 ur 26 ns 23 ee 22 ts 21 de 19 se 17 ge 16 me 15 ce 13 is \
         13 it 13 us 13 ie 12 et 11 el 10 ez 10 al 9 ut 9 ux 9 ir 8 an 7 ed 7 he 7 in 7 nd 7 ra 7 au 6 ve 6 at 5 rd 5 as 4 en 4 \
         la 4 ls 4 ng 4 ps 4 rt 4 st 4 ro 3 ss 3 cs 2 ct 2 ds 2 il 2 ll 2 ma 2 nu 2 ot 2 ry 2 si 2 un 2 ad 1 am 1 ar 1 ch 1 ci \
         1 em 1 gs 1 ht 1 ii 1 ld 1 lt 1 ly 1 ni 1 no 1 ol 1 or 1 os 1 ow 1 ta 1 ti 1 ty 1 ud 1 ul 1 up 1 ze 1",
    ),
    (
        Language::Italian,
        "to 70 ne 66 re 58 te 50 ta 43 ti 40 le 39 no 25 do 23 ed 22 ll 20 ni 20 er 19 ri 16 li 15 on 15 ra 15 es 14 ng 14 ro \
         14 so 14 me 13 in 11 ca 10 ce 10 ia 10 io 10 la 10 ma 10 al 9 de 9 ga 9 si 9 ve 9 lo 8 na 8 nt 8 rd 7 ry 7 za 7 di 6 \
         nd 6 ns 6 se 6 ue 6 ut 6 co 5 he 5 mi 5 sa 5 st 5 ts 5 rs 4 ch 3 ci 3 da 3 ds 3 ge 3 ly 3 or 3 va 3 ze 3 ad 2 an 2 el \
         2 em 2 en 2 et 2 ie 2 it 2 lt 2 ol 2 rn 2 ss 2 ty 2 un 2 us 2 ar 1 as 1 be 1 ct 1 ea 1 ee 1 ek 1 gi 1 gs 1 ii 1 il 1 \
         is 1 ld 1 ls 1 os 1 ot 1 ow 1 rt 1 up 1 ux 1 zo 1",
    ),
    (
        Language::Spanish,
        "es 70 on 61 os 49 ra 41 as 39 do 35 te 33 to 30 da 29 al 26 ar 26 or 23 er 22 ed 21 en 20 la 19 re 17 ro 17 le 16 na \
         15 ta 15 an 14 ia 14 ng 13 io 12 ma 12 ne 12 ca 9 ll 9 se 9 ce 8 ea 8 lo 8 no 7 ad 6 de 6 ir 6 nd 6 nt 6 so 6 ts 6 ue \
         6 ve 6 co 5 in 5 me 5 ns 5 st 5 ol 4 rs 4 un 4 va 4 za 4 be 3 ch 3 ga 3 ht 3 ie 3 il 3 is 3 ls 3 ly 3 ps 3 ry 3 ct 2 \
         ds 2 el 2 et 2 go 2 ha 2 it 2 lt 2 rd 2 rn 2 sa 2 ss 2 us 2 ut 2 ux 2 am 1 at 1 ci 1 cs 1 ee 1 ek 1 em 1 ge 1 gs 1 ho \
         1 ii 1 ja 1 je 1 ot 1 ow 1 rt 1 si 1 ty 1 up 1",
    ),
    (
        Language::Portuguese,
        "os 85 es 61 ao 60 do 58 as 50 te 40 to 36 da 33 ar 31 al 21 or 21 em 20 er 20 ma 20 ro 20 ia 19 ra 19 ta 18 ca 13 de \
         13 is 13 lo 13 io 12 re 12 co 11 el 10 na 10 am 9 ha 9 me 9 ed 8 ve 8 ir 7 so 7 ho 6 ng 6 ns 6 sa 6 ce 5 ja 5 le 5 on \
         5 ts 5 la 4 ne 4 no 4 se 4 ad 3 ds 3 ls 3 nt 3 st 3 ui 3 va 3 be 2 ch 2 et 2 go 2 il 2 in 2 ll 2 ly 2 nd 2 ps 2 rs 2 \
         ry 2 ss 2 ue 2 us 2 ut 2 ux 2 an 1 at 1 ct 1 ee 1 en 1 ga 1 ge 1 gs 1 he 1 ht 1 ii 1 im 1 it 1 iz 1 ka 1 lt 1 ol 1 ot \
         1 rd 1 rt 1 si 1 ti 1 ty 1 za 1",
    ),
    (
        Language::German,
        "en 223 er 59 te 41 ng 37 rt 36 es 26 on 23 le 22 ls 21 et 20 ch 16 he 16 de 15 gt 15 be 14 it 13 re 13 ge 12 em 11 lt \
         11 se 11 zt 11 ht 10 ne 10 st 10 el 9 nt 9 me 8 nd 8 al 7 bt 7 hl 7 ll 7 ts 7 at 6 ei 6 rn 6 ss 6 ie 5 in 5 is 5 us 5 \
         ar 4 or 4 rs 4 tt 4 ad 3 an 3 ce 3 il 3 im 3 ld 3 ns 3 ds 2 ed 2 ek 2 gs 2 io 2 ma 2 ot 2 rd 2 ue 2 ut 2 ux 2 ve 2 am \
         1 as 1 ee 1 ik 1 ol 1 os 1 ps 1 ry 1 si 1 ta 1 to 1 ty 1 up 1 ur 1 ze 1",
    ),
    (
        Language::Hungarian,
        "er 52 es 44 al 43 in 39 ek 25 on 24 ok 22 at 21 en 20 et 20 ll 20 tt 19 an 18 re 18 ja 16 sa 15 as 13 te 13 zo 13 ed \
         12 is 12 os 12 ak 11 le 11 se 11 ti 11 to 11 el 10 ng 10 ps 10 io 9 nt 9 ol 9 ot 9 ta 9 ve 9 bb 8 cs 8 ik 8 st 8 il 7 \
         lo 7 ni 7 ra 7 ul 7 je 6 ls 6 or 6 rt 6 va 6 ad 5 de 5 it 5 lt 5 ny 5 rs 5 si 5 am 4 ht 4 ly 4 me 4 ne 4 us 4 ar 3 ce \
         3 ch 3 ee 3 ez 3 gi 3 ia 3 la 3 nd 3 ns 3 rd 3 ry 3 so 3 ts 3 uk 3 ut 3 za 3 do 2 ge 2 li 2 ma 2 ro 2 ze 2 be 1 ct 1 \
         di 1 ds 1 em 1 ha 1 ie 1 ii 1 ir 1 ka 1 ki 1 ld 1 mi 1 na 1 ow 1 ri 1 rn 1 ss 1 ty 1 ue 1 up 1 ux 1 zt 1",
    ),
    (
        Language::Turkish,
        "ir 55 en 50 in 45 er 39 ri 36 de 35 ek 26 gi 25 ni 25 ar 24 an 22 ak 21 ur 21 ne 20 li 17 si 16 ma 15 me 15 se 15 es \
         14 un 14 ik 13 ki 13 le 13 mi 12 ce 11 re 11 da 10 ed 9 nu 9 uk 9 ut 9 al 8 el 8 is 8 iz 8 la 8 on 8 sa 8 ta 8 te 8 im \
         6 tu 6 up 6 ux 6 em 5 ls 5 ng 5 rt 5 ti 5 am 4 ci 4 di 4 et 4 ez 4 ge 4 na 4 ns 4 ok 4 il 3 ps 3 ty 3 ul 3 as 2 at 2 \
         ct 2 ee 2 ht 2 it 2 ka 2 ll 2 nt 2 or 2 ra 2 rs 2 ss 2 ts 2 ue 2 ac 1 ca 1 ga 1 gs 1 he 1 ie 1 ku 1 lt 1 nd 1 ol 1 ot \
         1 rd 1 ry 1 st 1 us 1 ve 1 ze 1",
    ),
    (
        Language::Polish,
        "ie 56 ch 38 ia 36 ne 36 je 29 ow 29 na 24 ej 22 ny 22 ed 21 go 21 ac 16 em 16 er 16 es 16 ja 16 ji 16 li 15 ku 14 on \
         14 ym 13 ci 12 ka 12 ki 12 ng 12 le 11 ze 11 al 10 ce 9 en 9 la 9 mi 9 ty 9 wa 9 za 9 zy 9 nt 8 ra 8 in 7 iu 7 ry 7 sc \
         7 te 7 we 7 ca 6 ly 6 no 6 st 6 ll 5 nd 5 re 5 tu 5 ad 4 as 4 da 4 et 4 ga 4 ii 4 ns 4 or 4 ta 4 ts 4 an 3 de 3 ek 3 \
         ls 3 me 3 rs 3 se 3 ss 3 ve 3 ak 2 am 2 ar 2 at 2 ct 2 ds 2 el 2 ez 2 ge 2 gi 2 ik 2 il 2 is 2 it 2 lt 2 ni 2 ps 2 rd \
         2 ro 2 si 2 ue 2 us 2 ut 2 ux 2 be 1 ee 1 gs 1 ha 1 ht 1 im 1 io 1 ld 1 lo 1 ma 1 nu 1 ol 1 os 1 ot 1 rn 1 rt 1 sa 1 \
         to 1 ul 1 up 1 zo 1",
    ),
];
