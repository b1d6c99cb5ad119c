//! Dates of birth, and machine-readable travel documents.

use crate::checks::dates;
use crate::recognizer::{Edges, Recognizer};

const BIRTH: &[&str] = &[
    "born",
    "birth",
    "birthdate",
    "birthday",
    "dob",
    "d.o.b",
    "geboren",
    "geburtsdatum",
    "geburtstag",
    "geb",
    "né le",
    "née le",
    "naissance",
    "nacido",
    "nacida",
    "nacimiento",
    "cumpleaños",
    "nato il",
    "nata il",
    "nascita",
    "nascimento",
    "nascido",
    "nascida",
    "geboortedatum",
    "urodzony",
    "urodzona",
    "urodzenia",
    "född",
    "födelsedatum",
    "født",
    "syntynyt",
    "narozen",
    "doğum",
    "родился",
    "родилась",
    "рождения",
    "出生",
    "生日",
    "生年月日",
    "誕生日",
    "생년월일",
    "태어난",
    "जन्म",
    "ميلاد",
];

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new(
        "birth_date",
        "DATE_OF_BIRTH",
        r"\d{4}[\-/. ]\d{1,2}[\-/. ]\d{1,2}|\d{1,2}[\-/.] ?\d{1,2}[\-/.] ?(?:\d{4}|\d{2})|\d{1,2} \d{1,2} \d{4}",
        dates::numeric,
    )
    .scores(0.2, 0.2)
    .edges(Edges::Number)
    .context(BIRTH)
    .source("ISO 8601; national forms")
    .examples(&["1984-03-12", "12.03.1984", "3/12/84", "12. 3. 1984"]),
    Recognizer::new(
        "birth_date_with_month",
        "DATE_OF_BIRTH",
        r"\d{1,2}(?:st|nd|rd|th|er|\.|\x82|\x80)?[ \-](?:of |de |d')?[A-Za-z\x80]{3,12}\.?,?[ \-](?:de |del |do )?\d{4}|[A-Za-z\x80]{3,12}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}",
        dates::named,
    )
    .scores(0.2, 0.2)
    .context(BIRTH)
    .source("Unicode CLDR, date formats")
    .examples(&["12 March 1984", "March 12th, 1984", "12 de marzo de 1984", "12. März 1984", "1er août 1990"]),
    Recognizer::new(
        "birth_date_east_asian",
        "DATE_OF_BIRTH",
        r"\d{2,4} ?\x81 ?\d{1,2} ?\x81 ?\d{1,2} ?\x81",
        dates::named,
    )
    .scores(0.2, 0.2)
    .context(BIRTH)
    .source("Unicode CLDR, date formats")
    .examples(&["1984年3月12日", "1984년 3월 12일"]),
    Recognizer::new(
        "passport_mrz",
        "PASSPORT",
        r"P[A-Z<][A-Z<]{3}[A-Z<]{39}\s{0,2}[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[0-9<]\d",
        dates::passport_mrz,
    )
    .scores(0.0, 1.0)
    .edges(Edges::Open)
    .source("ICAO Doc 9303, part 4")
    .examples(&["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"]),
];
