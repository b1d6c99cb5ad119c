//! E-mail addresses, URLs and telephone numbers.

use crate::checks::{any, contact, phone};
use crate::recognizer::{Edges, Recognizer};

const PHONE: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "call",
    "cell",
    "mobile",
    "fax",
    "text",
    "sms",
    "whatsapp",
    "contact",
    "number is",
    "telefon",
    "handy",
    "mobil",
    "rufnummer",
    "anrufen",
    "téléphone",
    "portable",
    "appelez",
    "teléfono",
    "móvil",
    "llame",
    "telefono",
    "cellulare",
    "chiamare",
    "telefone",
    "celular",
    "ligue",
    "telefoon",
    "mobiel",
    "bellen",
    "bel",
    "belt",
    "ring",
    "tfn",
    "zadzwoń",
    "dzwoń",
    "telefonu",
    "komórka",
    "telefonnummer",
    "電話",
    "电话",
    "手机",
    "手機",
    "携帯",
    "전화",
    "연락처",
    "휴대폰",
    "телефон",
    "тел",
    "हेल्पलाइन",
    "फ़ोन",
    "फोन",
    "मोबाइल",
    "هاتف",
];

const fn phone(
    name: &'static str,
    pattern: &'static str,
    check: fn(&[u8]) -> crate::recognizer::Verdict,
) -> Recognizer {
    Recognizer::new(name, "PHONE", pattern, check).edges(Edges::Number).context(PHONE)
}

// Hosts without a scheme end with a well-known top-level domain. Many others are also names of files
// (`.md`, `.sh`, `.zip`) or words.
pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new(
        "email",
        "EMAIL",
        r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80][A-Za-z0-9.!#$%&'*+/=?^_`{|}~\x80\-]*@(?:[A-Za-z0-9\x80\-]+\.)+[A-Za-z\x80][A-Za-z0-9\x80\-]*",
        contact::email,
    )
    .scores(1.0, 1.0)
    .source("RFC 5322, RFC 6531")
    .examples(&["ada.lovelace+news@mail.example.co.uk", "o'neil@example.org", "jürgen@müller.example"]),
    Recognizer::new(
        "url",
        "URL",
        r"(?:https?|ftps?|sftp|wss?)://[A-Za-z0-9\x80\[][A-Za-z0-9\x80\-._~:/?#\[\]@!$&'()*+,;=%]*[A-Za-z0-9\x80/=#&_~+\-]",
        any,
    )
    .scores(0.9, 0.9)
    .edges(Edges::Open)
    .long()
    .source("RFC 3986")
    .examples(&["https://example.com/a?b=c#d", "http://user@[2001:db8::1]:8080/x"]),
    Recognizer::new(
        "url_without_scheme",
        "URL",
        r"(?:[A-Za-z0-9\x80](?:[A-Za-z0-9\x80\-]*[A-Za-z0-9\x80])?\.)+(?i:ai|app|at|au|be|biz|br|ca|ch|cloud|cn|co|com|cz|de|dev|dk|edu|es|eu|fi|fr|gov|gr|hk|hu|ie|il|in|info|int|io|it|jp|kr|me|mil|mx|net|nl|no|nz|online|org|pl|pt|ro|ru|se|sg|shop|site|store|tr|tv|tw|ua|uk|us|xyz|za)(?::\d{2,5})?(?:[/?#][A-Za-z0-9\x80\-._~:/?#@!$&'()*+,;=%]*[A-Za-z0-9\x80/=#&_~+\-]|/)?",
        contact::bare_host,
    )
    .scores(0.5, 0.5)
    .source("RFC 1035; IANA's root zone, well-known domains")
    .examples(&["www.example.com/path", "example.co.uk", "docs.example.io:8080/"]),
    phone(
        "phone_international",
        r"\(?(?:\+|00|011[ \-])[ ]?\(?[1-9](?:[ .\-/()]{0,3}\d){6,14}(?:,? ?(?:ext|Ext|EXT|x)\.? ?\d{1,6})?",
        phone::international,
    )
    .scores(0.8, 0.8)
    .source("ITU-T E.164, national numbering plans")
    .examples(&["+49 (0)30 901820-0", "0044 20 7946 0958", "+1 415-555-0132 ext. 12", "+33 6 12 34 56 78"]),
    phone(
        "phone_north_american",
        r"(?:1[ .\-])?(?:\(\d{3}\) ?\d{3}[ .\-]\d{4}|\d{3}[.\-]\d{3}[.\-]\d{4})(?:,? ?(?:ext|Ext|EXT|x)\.? ?\d{1,6})?",
        phone::north_american,
    )
    .scores(0.6, 0.6)
    .source("NANPA, North American Numbering Plan")
    .examples(&["(212) 555-0187", "415-555-0132", "1-800-555-0199 x22"]),
    phone("phone_french", r"0[1-9](?:[ .\-]\d{2}){4}", phone::national)
        .scores(0.7, 0.7)
        .country("FR")
        .source("ARCEP, plan de numérotation")
        .examples(&["06 12 34 56 78"]),
    phone("phone_chinese", r"1[3-9]\d[ \-]?\d{4}[ \-]?\d{4}", phone::national)
        .scores(0.45, 0.45)
        .country("CN")
        .source("MIIT, telecommunication network numbering plan")
        .examples(&["13812345678", "138-1234-5678"]),
    phone("phone_brazilian", r"\(\d{2}\) ?9?\d{4}[ \-]\d{4}", phone::national)
        .scores(0.6, 0.6)
        .country("BR")
        .source("Anatel, Resolução 749/2022")
        .examples(&["(11) 91234-5678"]),
    phone("phone_japanese", r"0(?:\d-\d{4}|\d{2}-\d{3,4}|\d{3}-\d{2,3}|\d{4}-\d)-\d{4}", phone::national)
        .scores(0.6, 0.6)
        .country("JP")
        .source("MIC, numbering plan")
        .examples(&["03-1234-5678", "090-1234-5678"]),
    phone("phone_german", r"\(?0[1-9]\d{1,4}\)?[ /\-]{1,3}\d{2,4}(?:[ \-]?\d{2,4}){1,3}", phone::national)
        .scores(0.45, 0.45)
        .country("DE")
        .source("Bundesnetzagentur, Nummernplan")
        .examples(&["030 9018 2000", "0171 / 123 45 67"]),
    phone("phone_national", r"\(?0\d(?:[ .\-/()]{0,2}\d){6,10}", phone::national)
        .scores(0.25, 0.25)
        .source("ITU-T E.164, national (significant) number with trunk prefix 0")
        .examples(&["020 7946 0958", "0612345678"]),
    phone("phone_digits", r"[1-9](?:[ .\-]?\d){7,11}", phone::national)
        .scores(0.2, 0.2)
        .source("ITU-T E.164, national (significant) number")
        .examples(&["612 345 678", "4155550132"]),
];
