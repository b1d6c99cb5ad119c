//! Identifiers of the Americas.

use crate::checks::{americas, any};
use crate::recognizer::{Edges, Recognizer};

const SSN: &[&str] = &["ssn", "social security", "social", "soc sec", "ss#"];
const ITIN: &[&str] = &["itin", "taxpayer", "tax id", "individual taxpayer"];

const CPF: &[&str] = &["cpf", "contribuinte"];
const CUIT: &[&str] = &["cuit", "cuil"];

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new("us_ssn", "US_SSN", r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}", americas::us_ssn)
        .scores(0.6, 0.6)
        .edges(Edges::Number)
        .context(SSN)
        .country("US")
        .source("SSA, POMS RM 10201.035")
        .examples(&["536-90-4399", "536 90 4399"]),
    Recognizer::new("us_ssn_digits", "US_SSN", r"\d{9}", americas::us_ssn)
        .scores(0.2, 0.2)
        .edges(Edges::Number)
        .context(SSN)
        .country("US")
        .source("SSA, POMS RM 10201.035")
        .examples(&["536904399"]),
    Recognizer::new("us_itin", "US_ITIN", r"9\d{2}[\- ]\d{2}[\- ]\d{4}", americas::us_itin)
        .scores(0.6, 0.6)
        .edges(Edges::Number)
        .context(ITIN)
        .country("US")
        .source("IRS, Publication 1915")
        .examples(&["912-70-1234"]),
    Recognizer::new("us_itin_digits", "US_ITIN", r"9\d{8}", americas::us_itin)
        .scores(0.2, 0.2)
        .edges(Edges::Number)
        .context(ITIN)
        .country("US")
        .source("IRS, Publication 1915")
        .examples(&["912701234"]),
    Recognizer::new("us_ein", "US_EIN", r"\d{2}-\d{7}", americas::us_ein)
        .scores(0.3, 0.3)
        .edges(Edges::Number)
        .context(&["ein", "employer identification", "fein", "tax id"])
        .country("US")
        .source("IRS, EIN prefixes")
        .examples(&["12-3456789"]),
    Recognizer::new("us_passport", "PASSPORT", r"[A-Z]\d{8}|\d{9}", any)
        .scores(0.2, 0.2)
        .edges(Edges::Number)
        .context(&["passport"])
        .country("US")
        .source("US Department of State")
        .examples(&["A12345678"]),
    Recognizer::new("us_npi", "US_NPI", r"[12]\d{9}", americas::us_npi)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(&["npi", "provider", "physician"])
        .country("US")
        .source("45 CFR 162.406")
        .examples(&["1234567893"]),
    Recognizer::new(
        "us_mbi",
        "US_MBI",
        r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}",
        any,
    )
    .scores(0.7, 0.7)
    .context(&["medicare", "mbi", "beneficiary"])
    .country("US")
    .source("CMS, Medicare Beneficiary Identifier")
    .examples(&["1EG4-TE5-MK73", "1EG4TE5MK73"]),
    Recognizer::new("us_dea", "US_DEA", r"[A-HJ-NPRSTUXabf][A-Z9]\d{7}", americas::us_dea)
        .scores(0.0, 0.7)
        .context(&["dea", "prescriber", "license"])
        .country("US")
        .source("21 CFR 1301")
        .examples(&["AB1234563"]),
    Recognizer::new("ca_sin", "CA_SIN", r"\d{3}[\- ]?\d{3}[\- ]?\d{3}", americas::ca_sin)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(&["sin", "social insurance", "nas", "assurance sociale"])
        .country("CA")
        .source("Service Canada, Social Insurance Number")
        .examples(&["130 692 544"]),
    Recognizer::new("br_cpf", "BR_CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", americas::br_cpf)
        .scores(0.0, 0.95)
        .edges(Edges::Groups)
        .context(CPF)
        .country("BR")
        .source("Receita Federal, CPF")
        .examples(&["529.982.247-25"]),
    Recognizer::new("br_cpf_digits", "BR_CPF", r"\d{9}-?\d{2}", americas::br_cpf)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(CPF)
        .country("BR")
        .source("Receita Federal, CPF")
        .examples(&["52998224725", "529982247-25"]),
    Recognizer::new(
        "br_cnpj",
        "BR_CNPJ",
        r"[0-9A-Z]{2}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}/?[0-9A-Z]{4}-?\d{2}",
        americas::br_cnpj,
    )
    .scores(0.0, 0.9)
    .context(&["cnpj"])
    .country("BR")
    .source("Receita Federal, IN RFB 2.229/2024")
    .examples(&["11.222.333/0001-81", "11222333000181", "12.ABC.345/01DE-35"]),
    Recognizer::new("ar_cuit", "AR_CUIT", r"\d{2}-\d{8}-\d", americas::ar_cuit)
        .scores(0.0, 0.85)
        .edges(Edges::Groups)
        .context(CUIT)
        .country("AR")
        .source("AFIP, CUIT")
        .examples(&["20-12345678-6"]),
    Recognizer::new("ar_cuit_digits", "AR_CUIT", r"\d{11}", americas::ar_cuit)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(CUIT)
        .country("AR")
        .source("AFIP, CUIT")
        .examples(&["20123456786"]),
    Recognizer::new("cl_rut", "CL_RUT", r"\d{1,2}\.?\d{3}\.?\d{3}-[0-9Kk]", americas::cl_rut)
        .scores(0.0, 0.9)
        .context(&["rut", "run"])
        .country("CL")
        .source("Servicio de Registro Civil, RUN")
        .examples(&["12.345.678-5"]),
    Recognizer::new(
        "mx_curp",
        "MX_CURP",
        r"[A-Z]{4}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d",
        americas::mx_curp,
    )
    .scores(0.0, 1.0)
    .context(&["curp"])
    .country("MX")
    .source("Segob, CURP")
    .examples(&["HEGG560427MVZRRL04"]),
];
