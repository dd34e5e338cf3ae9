//! The most common words of Romanian and of the languages that occur beside it on the web, with their frequency in a
//! thousand words of running text. These are our own rounded estimates. Language identification needs only their ratios,
//! and a factor of two hardly changes the sum over a paragraph.

/// A language that can be identified. Romanian comes first; the others only have to be recognized as not Romanian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the documentation
pub enum Language {
    Romanian,
    English,
    French,
    Italian,
    Spanish,
    Portuguese,
    Catalan,
    Latin,
    German,
    Hungarian,
    Turkish,
    Polish,
    Croatian,
    Albanian,
}

impl Language {
    /// The English name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Romanian => "romanian",
            Self::English => "english",
            Self::French => "french",
            Self::Italian => "italian",
            Self::Spanish => "spanish",
            Self::Portuguese => "portuguese",
            Self::Catalan => "catalan",
            Self::Latin => "latin",
            Self::German => "german",
            Self::Hungarian => "hungarian",
            Self::Turkish => "turkish",
            Self::Polish => "polish",
            Self::Croatian => "croatian",
            Self::Albanian => "albanian",
        }
    }
}

impl serde::Serialize for Language {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// The number of languages.
pub(super) const LANGUAGES: usize = 14;

/// Each language and its words: `word frequency`, in the letters of the language. The Romanian words without diacritics
/// are there too, as rare as such writing is.
pub(super) const WORDS: [(Language, &str); LANGUAGES] = [
    (
        Language::Romanian,
        "de 45 și 32 în 26 a 20 la 17 cu 13 pe 12 să 12 nu 12 se 12 care 9 o 9 că 9 din 11 un 9 mai 7 au 6 este 8 e 5 sau 4 \
         lui 4 pentru 8 ca 6 fi 4 prin 4 al 5 ale 5 sunt 4 dar 4 le 3 i 5 s 6 l 4 m 3 n 3 v 1 am 4 ai 2 ar 3 va 3 vor 2 fost 3 \
         cel 2 cea 2 cele 3 cei 2 ce 6 după 2 ei 2 el 3 ea 2 îi 2 îl 1.5 îmi 1 își 1.5 îți 0.5 iar 2 între 1.5 într 2 dintr 1 printr 0.7 \
         unei 2 unui 2 unor 1 acest 1.5 această 1.5 aceasta 1 acestea 0.8 aceste 1 acestui 0.6 acestei 0.6 acestor 0.4 până 1.5 fără 1.5 \
         dacă 2.5 când 2 cum 2 tot 1.5 toate 1.2 toți 0.8 mă 2 te 2 ne 1.5 vă 1.5 mi 2 ți 1 li 0.5 eu 1.5 tu 0.7 noi 0.8 \
         numai 0.8 nici 1.2 chiar 0.8 foarte 0.8 bine 0.8 către 0.6 asupra 0.5 despre 0.8 dintre 0.7 peste 0.6 sub 0.8 spre 0.7 \
         fie 0.8 fiind 0.5 avea 0.6 are 1.5 era 3 erau 0.7 poate 1.2 pot 0.6 trebuie 0.7 sau 4 ori 0.5 doar 0.6 apoi 0.5 aici 0.5 \
         acum 0.6 atunci 0.5 ani 0.5 decât 0.6 sînt 0.5 cînd 0.3 pînă 0.2 asta 0.6 nostru 0.2 lor 1.5 său 0.7 sa 1 săi 0.3 ori 0.5 \
         și/sau 0.1 si 3 sa 2 in 2.6 ca 3 fara 0.15 daca 0.25 pana 0.15 dupa 0.2 intr 0.2 catre 0.06 isi 0.15 imi 0.1 aceasta 0.15 \
         toti 0.08 ma 0.2 va 0.2 cand 0.2 cat 0.2 cât 0.8 atât 0.4 lângă 0.3 unde 0.8 oameni 0.3 domnul 0.3 articolul 0.3 alin 0.3 \
         art 0.5 lit 0.2 prezentul 0.2 prevăzute 0.3 poate 1.2 fișier 0.3 fișierul 0.3 fișiere 0.3 opțiune 0.1 opțiunea 0.3 comanda 0.2 \
         utilizator 0.2 acestuia 0.3 celor 0.5 celui 0.2 celei 0.2 altă 0.2 alt 0.4 alte 0.6 altul 0.1 fiecare 0.6 orice 0.6 așa 0.8 \
         deja 0.2 încă 0.6 însă 0.6 deși 0.2 deci 0.4 astfel 0.5 prea 0.3 abia 0.2 aproape 0.3 \
         bun 0.4 buna 0.3 bună 0.3 produs 0.2 produsul 0.2 pret 0.1 pretul 0.1 preț 0.2 prețul 0.1 livrare 0.1 livrarea 0.3 \
         calitate 0.2 recomand 0.1 multumesc 0.1 mulțumesc 0.2 multumit 0.3 mulțumit 0.1 comandat 0.1 primit 0.2 ajuns 0.2 \
         vreau 0.3 vrea 0.3 stiu 0.1 știu 0.3 cred 0.3 spune 0.3 spus 0.3 spuneti 0.3 spuneți 0.05 facut 0.15 făcut 0.3 vot 0.1 \
         azi 0.3 maine 0.3 mâine 0.1 ieri 0.2 acasa 0.1 acasă 0.2 copii 0.3 copiii 0.2 lumea 0.3 viata 0.15 viața 0.3 tara 0.1 \
         țara 0.2 romania 0.2 românia 0.3 romani 0.1 români 0.1 bani 0.3 banii 0.2 ceva 0.4 cineva 0.2 nimic 0.3 nimeni 0.2 \
         mult 0.5 multe 0.4 mulți 0.3 putin 0.1 puțin 0.3 cine 0.3 ceea 0.2 noastra 0.1 noastră 0.3 voi 0.3 hai 0.1 haideti 0.3 \
         aveti 0.3 aveți 0.1 sunteti 0.3 sunteți 0.1 suntem 0.2 esti 0.1 ești 0.2 avem 0.3 frumos 0.2 frumoasa 0.3 frumoasă 0.1 \
         rau 0.1 rău 0.2 timp 0.4 timpul 0.2 zile 0.3 ziua 0.3 luni 0.2 anul 0.4 inainte 0.1 înainte 0.2 mereu 0.2 niciodata 0.3 \
         parinti 0.3 părinți 0.1 prieteni 0.3 oricui 0.3 oricine 0.3 decat 0.3 langa 0.3 duminica 0.3 duminică 0.05",
    ),
    (
        Language::English,
        "the 60 of 32 and 28 to 26 a 22 in 20 is 11 that 10 for 9 it 9 as 7 was 7 with 7 be 6 on 6 not 5 he 5 i 5 this 5 are 5 or 5 \
         his 4 from 4 at 5 which 4 but 4 have 4 an 4 had 3 they 3 you 5 were 3 their 3 one 3 all 3 we 3 can 3 her 3 has 3 there 2.5 \
         been 2 if 3 more 2 when 2 will 3 would 2 who 2 so 2 no 2 she 2 other 1.5 its 2 may 1.5 these 1.5 what 1.5 them 1.5 than 1.5 \
         some 1.5 him 1 time 1 into 1.5 only 1.2 do 1.5 such 1 my 1.5 new 1 about 1.2 out 1.5 also 1 two 1 any 1.2 up 1.5 your 2 file 1 \
         use 1 used 1 then 1 should 0.8 must 0.6 by 6",
    ),
    (
        Language::French,
        "de 48 la 28 le 25 et 22 les 19 des 16 en 14 un 12 à 17 du 13 une 11 que 10 est 9 pour 8 qui 8 dans 9 a 7 par 7 plus 5 pas 6 \
         au 7 sur 6 ne 6 se 6 ce 6 il 8 sont 3 cette 3 ou 4 avec 4 son 4 je 4 aux 3 d 16 l 18 n 4 s 5 qu 5 c 4 j 2 on 3 vous 3 nous 3 \
         sa 3 ses 3 mais 3 comme 3 elle 4 leur 2 être 2 ont 2 si 2 été 2 tout 2 même 1.5 deux 1.5 ces 1.5 sans 1.3 y 2 m 1.5 \
         où 1 peut 1.2 fait 1.5 très 0.8 aussi 1 lui 1.5 dont 0.8 entre 0.8 après 0.8 était 1.5 avait 1.2 fichier 0.5",
    ),
    (
        Language::Italian,
        "di 36 e 28 che 19 la 21 il 19 un 13 a 15 per 13 è 11 in 16 una 10 non 9 i 9 le 10 del 10 con 9 si 9 della 9 da 9 dei 6 \
         al 6 come 5 nel 5 alla 5 più 5 lo 5 gli 4 delle 4 ha 4 sono 4 o 4 ma 4 l 9 anche 4 se 4 dal 3 nella 3 questo 2.5 \
         essere 2 ci 2 d 3 ai 2.5 su 3 dell 4 all 2 dalla 2 suo 2 sua 2 ed 1.5 questa 1.5 era 2 mi 2 quando 1.2 tutti 1 dopo 1 \
         nell 1.2 degli 1.8 stato 1 io 1.5 loro 1 fra 0.6 tra 1 cui 1.2 perché 1 così 1 quello 0.8 solo 0.8 può 0.8 file 0.5",
    ),
    (
        Language::Spanish,
        "de 52 la 34 que 26 el 28 en 26 y 26 a 20 los 16 se 13 del 12 las 11 un 11 por 10 con 9 no 9 una 9 su 8 para 8 es 8 al 7 \
         lo 7 como 6 más 4 o 5 pero 3.5 sus 3.5 le 4 ha 3 me 3.5 si 3 sin 2.5 sobre 2 este 2.5 ya 2 entre 1.8 cuando 1.8 todo 1.5 \
         esta 2 ser 1.5 son 2 dos 1.5 también 1.5 fue 2 había 1.5 era 1.8 muy 1.5 años 1 hasta 1.3 desde 1.3 está 1.5 mi 2 porque 1 \
         qué 1.2 han 1 yo 1 hay 1 archivo 0.4 e 1 ni 1 donde 0.8 puede 0.8 esto 0.8 ese 0.6 uno 0.8 nos 1",
    ),
    (
        Language::Portuguese,
        "de 45 a 32 o 30 que 24 e 26 do 16 da 16 em 14 um 12 para 11 com 10 não 9 uma 9 os 12 no 10 se 10 na 9 por 8 mais 5 as 9 \
         dos 7 como 6 mas 4 ao 5 ele 4 das 5 à 3.5 seu 3.5 sua 3 ou 4 quando 2 muito 2 nos 2 já 2 eu 2.5 também 2 só 1.5 pelo 2 pela 2 \
         até 1.5 isso 1.2 ela 2 entre 1.3 depois 1 sem 1.3 mesmo 1 aos 1.5 seus 1.2 quem 0.7 nas 1.5 me 2 esse 0.8 eles 1 você 1.5 \
         foi 2.5 ser 2 está 2 são 3 é 10 tem 2 há 1 era 1.5 lhe 1 num 0.7 arquivo 0.3 ficheiro 0.3 pode 1 esta 1 este 1.2",
    ),
    (
        Language::Catalan,
        "de 48 la 28 i 26 a 22 el 22 que 20 en 15 les 12 un 11 per 13 l 18 d 15 del 11 els 10 una 10 amb 9 no 8 es 8 s 6 al 6 \
         és 7 com 5 més 5 o 5 ha 4 se 3 dels 5 seva 2 van 2 va 5 ser 2 són 3 si 3 n 3 les 12 seu 2.5 però 3 aquest 2.5 aquesta 2 \
         ja 1.8 ho 2 hi 3 pel 2 també 2 molt 1.5 entre 1.5 quan 1.3 sobre 1.3 tot 2 tots 1.2 fins 1 perquè 1 havia 1.2 era 1.8 \
         dos 1.2 on 1 sense 1.2 fitxer 0.4 pot 1 li 1.5 em 1.2 què 1 des 1",
    ),
    (
        Language::Latin,
        "et 30 in 18 est 14 non 12 ad 9 ut 9 cum 8 quod 8 si 6 qui 7 ex 5 a 5 ab 4 sed 6 de 5 quae 5 esse 4 etiam 3 aut 4 quam 4 \
         atque 3 enim 3 nec 3 hoc 3 sunt 3 me 3 te 2.5 se 3 per 3 autem 2.5 quid 2 ac 3 quo 2 id 2 eius 2 ita 2 pro 1.8 quem 1.5 \
         tamen 1.5 neque 1.8 erat 1.5 sic 1.2 vel 1.5 eum 1.5 quibus 1.2 nunc 1.2 mihi 1.5 tibi 1 nihil 1 haec 1.5 omnia 0.8 rerum 0.6 \
         eo 1 ne 1.5 nam 1 fuit 1 ipse 0.8 eorum 0.8 sibi 0.8 sine 0.7 post 0.7 inter 0.7 ego 0.8 deus 0.6 dominus 0.5 cui 0.7",
    ),
    (
        Language::German,
        "der 30 die 32 und 27 in 18 den 12 von 10 zu 10 das 12 mit 9 sich 8 des 8 auf 8 für 7 ist 10 im 8 dem 8 nicht 8 ein 8 eine 8 \
         als 6 auch 5 es 6 an 5 werden 4 aus 5 er 5 hat 4 dass 4 sie 7 nach 4 wird 4 bei 4 einer 3 um 3 am 3 sind 3 noch 3 wie 4 \
         einem 3 über 3 einen 3 so 3 zum 3 war 3 haben 2.5 nur 2.5 oder 3 aber 3 vor 2 zur 2 bis 2 mehr 1.5 durch 1.8 man 2 wenn 2.5 \
         ich 5 wir 2.5 kann 2 datei 0.5 diese 1.5 dieser 1.2 was 2 ihre 1.2 sein 1.5 keine 1",
    ),
    (
        Language::Hungarian,
        "a 75 az 35 és 22 hogy 13 nem 12 is 11 egy 13 ez 5 csak 4 volt 4 meg 5 de 5 azt 3 ha 4 már 4 mint 4 vagy 4 el 3 még 3 ki 2.5 \
         fel 1.5 amely 1.5 mert 2 aki 1.5 lehet 1.5 kell 1.5 le 1.5 be 1.5 minden 1.5 ezt 1.5 van 3 én 1.5 ami 1.2 után 1.2 több 1.2 \
         majd 1 szerint 1 volna 0.7 így 1 úgy 1.2 nagy 1.2 két 0.8 sem 1.5 olyan 1 pedig 1 akkor 1 között 0.8 itt 0.8 ő 1 s 2 \
         alatt 0.5 fájl 0.5 hozzá 0.5 vannak 0.5 azonban 0.5 által 0.5",
    ),
    (
        Language::Turkish,
        "ve 25 bir 22 bu 13 da 10 de 10 için 8 ile 7 çok 4 olarak 4 olan 3 daha 4 gibi 4 en 3 ne 3 o 4 ama 3 kadar 3 sonra 3 var 2.5 \
         her 2.5 ki 3 değil 2.5 mi 2 ya 2 veya 2 olduğu 2 olduğunu 1 ben 1.5 göre 1 diye 1.5 oldu 1.2 hem 0.7 şey 1 zaman 1 iki 1.2 \
         ise 1.5 bunu 0.8 büyük 0.7 ilk 0.8 yeni 0.8 tarafından 0.8 içinde 0.7 bütün 0.6 dosya 0.4 olması 0.6 bana 0.7 onu 0.7 eden 0.6 \
         ancak 0.6 önce 0.7 yok 0.8 türk 0.6 şu 0.7 böyle 0.7",
    ),
    (
        Language::Polish,
        "w 28 i 26 na 18 z 17 się 17 nie 16 do 13 to 11 że 9 jest 8 o 7 a 9 jak 5 po 5 co 5 za 4 od 4 tym 3 dla 3.5 tego 2.5 ale 4 już 2.5 \
         są 2.5 przez 2.5 tylko 2 ze 2.5 jego 2 był 2.5 było 2 oraz 2 może 1.5 być 2 które 2 który 2 ich 1.5 pod 1 lub 1.5 mnie 1 \
         przy 1 tak 2 czy 2 ma 2 by 1.5 jej 1.2 gdy 1 jako 1.2 dnia 0.5 plik 0.5 wszystko 0.5 można 0.8 lat 0.6 roku 0.8",
    ),
    (
        Language::Croatian,
        "i 33 u 27 je 32 se 17 na 17 da 18 za 11 su 10 od 8 s 6 a 7 o 5 ne 7 kao 5 koji 5 što 4 to 5 iz 5 sa 3 po 3 ili 3 bi 4 koja 2.5 \
         nije 3 ali 3 će 3 koje 2.5 samo 2 do 2.5 nakon 1 više 1.5 još 1.5 sve 2 prema 1 biti 1.5 bio 1.5 te 3 može 1.2 kada 1 ako 1.5 \
         ovo 0.8 kako 1.5 ga 2 mu 1.5 bila 1 ima 1.2 jer 1 tako 1 datoteka 0.4 mi 1.5 ja 1.5 godine 0.8 godina 0.6",
    ),
    (
        Language::Albanian,
        "të 50 e 45 në 28 dhe 24 i 20 për 13 me 13 që 14 një 14 nga 10 së 9 është 7 u 5 më 7 se 6 ka 4 si 4 nuk 5 do 3 janë 2.5 \
         kjo 2 ky 2 por 3 tij 2 edhe 2.5 pas 1.2 ishte 1.5 kanë 1.2 duke 1.5 si 4 ose 1.5 këtë 1.5 kur 1.2 mund 1.2 tyre 1 saj 1 \
         ndërsa 0.5 ai 1.2 ajo 0.8 unë 0.5 këto 0.6 gjithë 0.5 vetëm 0.6",
    ),
];
