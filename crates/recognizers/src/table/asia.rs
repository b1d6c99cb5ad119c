//! Identifiers of Asia.

use crate::checks::{any, asia};
use crate::recognizer::{Edges, Recognizer};

const AADHAAR: &[&str] = &["aadhaar", "aadhar", "uidai", "uid", "आधार"];

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new(
        "in_aadhaar",
        "IN_AADHAAR",
        r"[2-9]\d{3}[ \-]\d{4}[ \-]\d{4}",
        asia::in_aadhaar,
    )
    .scores(0.0, 0.8)
    .edges(Edges::Groups)
    .context(AADHAAR)
    .country("IN")
    .source("UIDAI, Aadhaar number structure")
    .examples(&["2341 2341 2346"]),
    Recognizer::new("in_aadhaar_digits", "IN_AADHAAR", r"[2-9]\d{11}", asia::in_aadhaar)
        .scores(0.0, 0.4)
        .edges(Edges::Groups)
        .context(AADHAAR)
        .country("IN")
        .source("UIDAI, Aadhaar number structure")
        .examples(&["234123412346"]),
    Recognizer::new("in_pan", "IN_PAN", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", any)
        .scores(0.75, 0.75)
        .context(&["pan", "permanent account", "income tax"])
        .country("IN")
        .source("Income Tax Rules, rule 114")
        .examples(&["ABCPE1234F"]),
    Recognizer::new(
        "in_gstin",
        "IN_GSTIN",
        r"\d{2}[A-Z]{5}\d{4}[A-Z][0-9A-Z]Z[0-9A-Z]",
        asia::in_gstin,
    )
    .scores(0.0, 0.95)
    .context(&["gstin", "gst"])
    .country("IN")
    .source("GST Network, GSTIN")
    .examples(&["27AAPFU0939F1ZV"]),
    Recognizer::new(
        "cn_resident_id",
        "CN_RESIDENT_ID",
        r"[1-8]\d{16}[0-9Xx]",
        asia::cn_resident_id,
    )
    .scores(0.0, 0.95)
    .edges(Edges::Groups)
    .context(&["身份证", "身份證", "公民身份", "resident identity", "id card"])
    .country("CN")
    .source("GB 11643-1999")
    .examples(&["11010519491231002X"]),
    Recognizer::new("hk_id", "HK_ID", r"[A-Z]{1,2}\d{6}(?:\([0-9A]\)|[0-9A])", asia::hk_id)
        .scores(0.0, 0.8)
        .edges(Edges::Word)
        .context(&["hkid", "身份證", "identity card"])
        .country("HK")
        .source("Immigration Department, HKID")
        .examples(&["A123456(3)", "AB987654(3)"]),
    Recognizer::new("tw_id", "TW_ID", r"[A-Z][1289]\d{8}", asia::tw_id)
        .scores(0.0, 0.7)
        .context(&["身分證", "身份證", "national id"])
        .country("TW")
        .source("Ministry of the Interior, national identification card")
        .examples(&["A123456789"]),
    Recognizer::new(
        "jp_my_number",
        "JP_MY_NUMBER",
        r"\d{4}[ \-]?\d{4}[ \-]?\d{4}",
        asia::jp_my_number,
    )
    .scores(0.0, 0.4)
    .edges(Edges::Groups)
    .context(&["マイナンバー", "個人番号", "my number", "individual number"])
    .country("JP")
    .source("Ordinance 85 of 2014")
    .examples(&["1234 5678 9018"]),
    Recognizer::new("kr_rrn", "KR_RRN", r"\d{6}-[1-8]\d{6}", asia::kr_rrn)
        .scores(0.7, 0.95)
        .edges(Edges::Number)
        .context(&["주민등록번호", "주민번호", "resident registration", "외국인등록번호"])
        .country("KR")
        .source("Resident Registration Act, enforcement rule 2")
        .examples(&["900101-1234568"]),
    Recognizer::new("sg_nric", "SG_NRIC", r"[STFGMstfgm]\d{7}[A-Za-z]", asia::sg_nric)
        .scores(0.0, 0.95)
        .context(&["nric", "fin", "identity card"])
        .country("SG")
        .source("Immigration and Checkpoints Authority, NRIC")
        .examples(&["S1234567D"]),
    Recognizer::new("my_kad", "MY_KAD", r"\d{6}-\d{2}-\d{4}", asia::my_kad)
        .scores(0.6, 0.6)
        .edges(Edges::Number)
        .context(&["mykad", "nric", "kad pengenalan", "ic number"])
        .country("MY")
        .source("National Registration Department, MyKad")
        .examples(&["900101-14-5678"]),
    Recognizer::new("th_id", "TH_ID", r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", asia::th_id)
        .scores(0.0, 0.45)
        .edges(Edges::Groups)
        .context(&["บัตรประชาชน", "ประจำตัวประชาชน", "thai id", "national id"])
        .country("TH")
        .source("Department of Provincial Administration")
        .examples(&["1-1017-00203-45-0"]),
    Recognizer::new("id_nik", "ID_NIK", r"\d{16}", asia::id_nik)
        .scores(0.3, 0.3)
        .edges(Edges::Number)
        .context(&["nik", "ktp", "kependudukan"])
        .country("ID")
        .source("Undang-undang 23/2006")
        .examples(&["3171011708450001"]),
];
