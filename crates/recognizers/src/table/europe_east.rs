//! Identifiers of central and eastern Europe, Turkey and Israel.

use crate::checks::europe_east;
use crate::recognizer::{Edges, Recognizer};

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new("pl_pesel", "PL_PESEL", r"\d{11}", europe_east::pl_pesel)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["pesel"])
        .country("PL")
        .source("Ustawa o ewidencji ludności, 2010")
        .examples(&["44051401359"]),
    Recognizer::new(
        "pl_nip",
        "PL_NIP",
        r"\d{3}-?\d{3}-?\d{2}-?\d{2}|\d{3}-\d{2}-\d{2}-\d{3}",
        europe_east::pl_nip,
    )
    .scores(0.0, 0.4)
    .edges(Edges::Groups)
    .context(&["nip", "podatkowy"])
    .country("PL")
    .source("Ministerstwo Finansów, NIP")
    .examples(&["123-456-32-18"]),
    Recognizer::new(
        "cz_birth_number",
        "CZ_BIRTH_NUMBER",
        r"\d{6}/\d{4}",
        europe_east::cz_birth_number,
    )
    .scores(0.0, 0.95)
    .edges(Edges::Groups)
    .context(&["rodné číslo", "rodne cislo", "rč"])
    .country("CZ")
    .source("Zákon 133/2000 Sb.")
    .examples(&["780123/3540"]),
    Recognizer::new(
        "cz_birth_number_digits",
        "CZ_BIRTH_NUMBER",
        r"\d{10}",
        europe_east::cz_birth_number,
    )
    .scores(0.0, 0.4)
    .edges(Edges::Groups)
    .context(&["rodné číslo", "rodne cislo", "rč"])
    .country("CZ")
    .source("Zákon 133/2000 Sb.")
    .examples(&["7801233540"]),
    Recognizer::new("ro_cnp", "RO_CNP", r"[1-9]\d{12}", europe_east::ro_cnp)
        .scores(0.0, 0.8)
        .edges(Edges::Groups)
        .context(&["cnp", "cod numeric"])
        .country("RO")
        .source("OUG 97/2005")
        .examples(&["1800101221144"]),
    Recognizer::new("bg_egn", "BG_EGN", r"\d{10}", europe_east::bg_egn)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["егн", "egn"])
        .country("BG")
        .source("GRAO, ЕГН")
        .examples(&["7523169263"]),
    Recognizer::new("hr_oib", "HR_OIB", r"\d{11}", europe_east::hr_oib)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(&["oib"])
        .country("HR")
        .source("Zakon o osobnom identifikacijskom broju")
        .examples(&["33392005961"]),
    Recognizer::new("yu_jmbg", "JMBG", r"\d{13}", europe_east::yu_jmbg)
        .scores(0.0, 0.8)
        .edges(Edges::Groups)
        .context(&["jmbg", "emšo", "матични"])
        .source("JMBG, Official Gazette of the SFRY 58/76")
        .examples(&["0101006500006"]),
    Recognizer::new("hu_taj", "HU_TAJ", r"\d{3}[ \-]?\d{3}[ \-]?\d{3}", europe_east::hu_taj)
        .scores(0.0, 0.35)
        .edges(Edges::Groups)
        .context(&["taj"])
        .country("HU")
        .source("1996. évi XX. törvény")
        .examples(&["123 456 788"]),
    Recognizer::new("ua_rnokpp", "UA_RNOKPP", r"\d{10}", europe_east::ua_rnokpp)
        .scores(0.0, 0.35)
        .edges(Edges::Groups)
        .context(&["рнокпп", "іпн", "інн"])
        .country("UA")
        .source("State Tax Service of Ukraine")
        .examples(&["1759013776"]),
    Recognizer::new("ru_snils", "RU_SNILS", r"\d{3}-\d{3}-\d{3}[ \-]\d{2}", europe_east::ru_snils)
        .scores(0.0, 0.95)
        .edges(Edges::Groups)
        .context(&["снилс", "snils"])
        .country("RU")
        .source("Federal law 27-FZ; Pension Fund order 600p")
        .examples(&["112-233-445 95"]),
    Recognizer::new("ru_inn", "RU_INN", r"\d{12}", europe_east::ru_inn)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["инн", "inn"])
        .country("RU")
        .source("Federal Tax Service order ED-7-14/559")
        .examples(&["500100732259"]),
    Recognizer::new("tr_tckn", "TR_TCKN", r"[1-9]\d{10}", europe_east::tr_tckn)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["tc kimlik", "kimlik", "tckn", "t.c"])
        .country("TR")
        .source("NVI, T.C. kimlik numarası")
        .examples(&["10000000146"]),
    Recognizer::new("il_id", "IL_ID", r"\d{9}", europe_east::il_id)
        .scores(0.0, 0.35)
        .edges(Edges::Groups)
        .context(&["תעודת זהות", "ת.ז", "teudat zehut", "israeli id"])
        .country("IL")
        .source("Population and Immigration Authority")
        .examples(&["123456782"]),
];
