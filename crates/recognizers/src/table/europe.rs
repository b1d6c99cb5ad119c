//! Identifiers of western and northern Europe.

use crate::checks::europe;
use crate::recognizer::{Edges, Recognizer};

const RIJKSREGISTER: &[&str] =
    &["rijksregister", "registre national", "national number", "insz", "niss"];
const PERSONNUMMER: &[&str] = &["personnummer", "personal number", "samordningsnummer", "pnr"];

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new("uk_nhs", "UK_NHS", r"\d{3}[ \-]?\d{3}[ \-]?\d{4}", europe::uk_nhs)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["nhs", "national health", "health service", "patient"])
        .country("GB")
        .source("NHS Data Dictionary, NHS number")
        .examples(&["943 476 5919", "9434765919"]),
    Recognizer::new(
        "uk_nino",
        "UK_NINO",
        r"[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z] ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]",
        europe::uk_nino,
    )
    .scores(0.8, 0.8)
    .context(&["national insurance", "nino", "ni number"])
    .country("GB")
    .source("HMRC, NIM39110")
    .examples(&["AB 12 34 56 C", "AB123456C"]),
    Recognizer::new("ie_pps", "IE_PPS", r"\d{7}[A-Wa-w][A-IWa-iw]?", europe::ie_pps)
        .scores(0.0, 0.9)
        .context(&["pps", "ppsn", "personal public service"])
        .country("IE")
        .source("Department of Social Protection, PPS number")
        .examples(&["1234567T", "1234567FA"]),
    Recognizer::new("de_tax_id", "DE_TAX_ID", r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}", europe::de_tax_id)
        .scores(0.0, 0.9)
        .edges(Edges::Groups)
        .context(&["steuer", "idnr", "tin", "tax"])
        .country("DE")
        .source("§ 139b AO; BZSt")
        .examples(&["86 095 742 719", "86095742719"]),
    Recognizer::new("de_id_card", "DE_ID_CARD", r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d", europe::de_id_card)
        .scores(0.0, 0.45)
        .context(&["ausweis", "personalausweis", "reisepass", "passnummer", "id card", "identity card"])
        .country("DE")
        .source("BSI TR-03110; ICAO Doc 9303")
        .examples(&["T220001293"]),
    Recognizer::new("de_pension", "DE_PENSION_INSURANCE", r"\d{2} ?\d{6} ?[A-Z] ?\d{3}", europe::de_pension)
        .scores(0.0, 0.9)
        .context(&["rentenversicherung", "sozialversicherung", "versicherungsnummer", "svnr"])
        .country("DE")
        .source("VKVV § 4")
        .examples(&["15070649C103"]),
    Recognizer::new(
        "fr_nir",
        "FR_NIR",
        r"[1-478] ?\d{2} ?\d{2} ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}",
        europe::fr_nir,
    )
    .scores(0.0, 0.95)
    .edges(Edges::Groups)
    .context(&["sécurité sociale", "nir", "insee", "numéro de sécu", "social security"])
    .country("FR")
    .source("INSEE, NIR")
    .examples(&["2 55 08 14 168 025 38", "255081416802538"]),
    Recognizer::new("es_dni", "ES_DNI", r"\d{8}[ \-]?[A-HJ-NP-TV-Za-hj-np-tv-z]", europe::es_dni)
        .scores(0.0, 0.9)
        .context(&["dni", "nif", "documento", "identidad"])
        .country("ES")
        .source("Real Decreto 1553/2005")
        .examples(&["12345678Z", "12345678-Z"]),
    Recognizer::new("es_nie", "ES_NIE", r"[XYZxyz][ \-]?\d{7}[ \-]?[A-HJ-NP-TV-Za-hj-np-tv-z]", europe::es_nie)
        .scores(0.0, 0.95)
        .context(&["nie", "extranjero", "documento"])
        .country("ES")
        .source("Real Decreto 557/2011")
        .examples(&["X1234567L"]),
    Recognizer::new(
        "it_fiscal_code",
        "IT_FISCAL_CODE",
        r"(?:[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]|[a-z]{6}[0-9lmnp-v]{2}[a-ehlmpr-t][0-9lmnp-v]{2}[a-z][0-9lmnp-v]{3}[a-z])",
        europe::it_fiscal_code,
    )
    .scores(0.0, 1.0)
    .context(&["codice fiscale", "cf"])
    .country("IT")
    .source("DM 23 December 1976")
    .examples(&["RSSMRA85T10A562S"]),
    Recognizer::new("it_vat", "IT_VAT", r"(?:IT)?\d{11}", europe::it_vat)
        .scores(0.0, 0.35)
        .edges(Edges::Groups)
        .context(&["partita iva", "p.iva", "p. iva", "vat"])
        .country("IT")
        .source("Agenzia delle Entrate, partita IVA")
        .examples(&["12345678903"]),
    Recognizer::new("nl_bsn", "NL_BSN", r"\d{9}|\d{4}[. ]\d{2}[. ]\d{3}", europe::nl_bsn)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(&["bsn", "burgerservicenummer", "sofinummer", "citizen service"])
        .country("NL")
        .source("Wet algemene bepalingen burgerservicenummer")
        .examples(&["111222333"]),
    Recognizer::new(
        "be_national",
        "BE_NATIONAL_NUMBER",
        r"\d{2}\.\d{2}\.\d{2}[\- ]\d{3}[. ]\d{2}",
        europe::be_national,
    )
    .scores(0.0, 0.95)
    .edges(Edges::Groups)
    .context(RIJKSREGISTER)
    .country("BE")
    .source("Arrêté royal du 3 avril 1984")
    .examples(&["85.07.30-033.28"]),
    Recognizer::new("be_national_digits", "BE_NATIONAL_NUMBER", r"\d{11}", europe::be_national)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(RIJKSREGISTER)
        .country("BE")
        .source("Arrêté royal du 3 avril 1984")
        .examples(&["85073003328"]),
    Recognizer::new("pt_nif", "PT_NIF", r"\d{3} ?\d{3} ?\d{3}", europe::pt_nif)
        .scores(0.0, 0.35)
        .edges(Edges::Groups)
        .context(&["nif", "contribuinte", "fiscal"])
        .country("PT")
        .source("Decreto-Lei 14/2013")
        .examples(&["123456789"]),
    Recognizer::new("se_personnummer", "SE_PERSONNUMMER", r"(?:19|20)?\d{6}[\-+]\d{4}", europe::se_personnummer)
        .scores(0.0, 0.9)
        .edges(Edges::Groups)
        .context(PERSONNUMMER)
        .country("SE")
        .source("Folkbokföringslag 1991:481, § 18")
        .examples(&["811228-9874", "19811228-9874"]),
    Recognizer::new("se_personnummer_digits", "SE_PERSONNUMMER", r"(?:19|20)?\d{10}", europe::se_personnummer)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(PERSONNUMMER)
        .country("SE")
        .source("Folkbokföringslag 1991:481, § 18")
        .examples(&["8112289874", "198112289874"]),
    Recognizer::new("fi_hetu", "FI_HETU", r"\d{6}[\-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", europe::fi_hetu)
        .scores(0.0, 1.0)
        .context(&["henkilötunnus", "hetu", "personbeteckning"])
        .country("FI")
        .source("Digital and Population Data Services Agency")
        .examples(&["131052-308T"]),
    Recognizer::new("dk_cpr", "DK_CPR", r"\d{6}-\d{4}", europe::dk_cpr)
        .scores(0.4, 0.4)
        .edges(Edges::Number)
        .context(&["cpr", "cpr-nummer", "cpr-nr"])
        .country("DK")
        .source("CPR-kontoret, personnummeret")
        .examples(&["070761-4285"]),
    Recognizer::new("no_fodselsnummer", "NO_FODSELSNUMMER", r"\d{6} ?\d{5}", europe::no_fodselsnummer)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["fødselsnummer", "personnummer", "fnr", "d-nummer"])
        .country("NO")
        .source("Skatteetaten, fødselsnummer")
        .examples(&["29029600013"]),
    Recognizer::new("ch_ahv", "CH_AHV", r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}", europe::ch_ahv)
        .scores(0.0, 0.95)
        .edges(Edges::Groups)
        .context(&["ahv", "avs"])
        .country("CH")
        .source("AHVG art. 50c")
        .examples(&["756.9217.0769.85"]),
    Recognizer::new("at_svnr", "AT_SVNR", r"\d{4} ?\d{6}", europe::at_svnr)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["sozialversicherung", "svnr", "versicherungsnummer"])
        .country("AT")
        .source("ASVG § 30c")
        .examples(&["1237 010180"]),
    Recognizer::new("gr_amka", "GR_AMKA", r"\d{11}", europe::gr_amka)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["amka", "αμκα"])
        .country("GR")
        .source("AMKA.gr")
        .examples(&["01013099997"]),
    Recognizer::new("baltic_personal_code", "PERSONAL_CODE", r"[1-8]\d{10}", europe::baltic)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["isikukood", "asmens kodas", "personal code"])
        .source("EVS 585; Lithuanian law I-2237")
        .examples(&["37605030299"]),
];
