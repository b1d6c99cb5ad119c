//! Identifiers of Australia, New Zealand and South Africa.

use crate::checks::oceania;
use crate::recognizer::{Edges, Recognizer};

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new("au_tfn", "AU_TFN", r"\d{3} ?\d{3} ?\d{3}", oceania::au_tfn)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(&["tfn", "tax file"])
        .country("AU")
        .source("Australian Taxation Office, TFN")
        .examples(&["123 456 782"]),
    Recognizer::new("au_abn", "AU_ABN", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", oceania::au_abn)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["abn", "business number"])
        .country("AU")
        .source("Australian Business Register")
        .examples(&["51 824 753 556"]),
    Recognizer::new(
        "au_medicare",
        "AU_MEDICARE",
        r"[2-6]\d{3} ?\d{5} ?\d(?:[ /\-]?\d)?",
        oceania::au_medicare,
    )
    .scores(0.0, 0.4)
    .edges(Edges::Groups)
    .context(&["medicare"])
    .country("AU")
    .source("Services Australia, Medicare card number")
    .examples(&["2123 45670 1"]),
    Recognizer::new("nz_ird", "NZ_IRD", r"\d{2,3}[ \-]?\d{3}[ \-]?\d{3}", oceania::nz_ird)
        .scores(0.0, 0.35)
        .edges(Edges::Groups)
        .context(&["ird", "inland revenue"])
        .country("NZ")
        .source("Inland Revenue, RWT specification")
        .examples(&["49-091-850"]),
    Recognizer::new("za_id", "ZA_ID", r"\d{6} ?\d{4} ?\d{2} ?\d", oceania::za_id)
        .scores(0.0, 0.7)
        .edges(Edges::Groups)
        .context(&["identity number", "id number", "south african"])
        .country("ZA")
        .source("Identification Act 68 of 1997")
        .examples(&["8001015009087"]),
];
