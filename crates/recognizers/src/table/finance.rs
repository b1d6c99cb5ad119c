//! Payment cards, bank accounts, crypto currencies and vehicles.

use crate::checks::{crypto, finance};
use crate::recognizer::{Edges, Recognizer};

const CARD: &[&str] = &[
    "card",
    "credit",
    "debit",
    "visa",
    "mastercard",
    "amex",
    "american express",
    "discover",
    "jcb",
    "diners",
    "maestro",
    "cc",
    "pan",
    "karte",
    "kreditkarte",
    "carte",
    "tarjeta",
    "carta",
    "cartão",
    "kaart",
    "kort",
    "karta",
    "卡号",
    "信用卡",
    "银行卡",
    "カード",
    "카드",
    "карта",
    "карты",
    "कार्ड",
];

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new("credit_card", "CREDIT_CARD", r"\d(?:[ \-]?\d){11,18}", finance::card)
        .scores(0.0, 0.9)
        .edges(Edges::Groups)
        .context(CARD)
        .source("ISO/IEC 7812-1; issuers' ranges")
        .examples(&[
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "378282246310005",
            "6011000990139424",
            "3530111333300000",
            "30569309025904",
            "2223003122003222",
            "6200000000000005",
        ]),
    Recognizer::new("iban", "IBAN", r"[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]){11,30}", finance::iban)
        .scores(0.0, 1.0)
        .context(&["iban", "account", "konto", "compte", "cuenta", "conto", "rekening", "bank"])
        .source("ISO 13616; SWIFT, IBAN registry")
        .examples(&[
            "DE89 3704 0044 0532 0130 00",
            "GB82WEST12345698765432",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ]),
    Recognizer::new("bic", "BIC", r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", finance::bic)
        .scores(0.2, 0.2)
        .context(&["bic", "swift"])
        .source("ISO 9362")
        .examples(&["DEUTDEFF500"]),
    Recognizer::new(
        "us_routing_number",
        "ROUTING_NUMBER",
        r"\d{4}[ \-]?\d{4}[ \-]?\d",
        finance::aba_routing,
    )
    .scores(0.0, 0.4)
    .edges(Edges::Groups)
    .context(&["routing", "aba", "rtn", "transit"])
    .country("US")
    .source("American Bankers Association, key to routing numbers")
    .examples(&["021000021"]),
    Recognizer::new("us_bank_account", "BANK_ACCOUNT", r"\d{6,17}", crate::checks::any)
        .scores(0.15, 0.15)
        .context(&[
            "account number",
            "account no",
            "account #",
            "acct",
            "bank account",
            "checking",
            "savings",
        ])
        .country("US")
        .source("ABA, account numbers of 6 to 17 digits")
        .examples(&["000123456789"]),
    Recognizer::new(
        "base58_address",
        "CRYPTO_ADDRESS",
        r"[13LMmn2DAXT9][1-9A-HJ-NP-Za-km-z]{25,34}",
        crypto::base58_check,
    )
    .scores(0.0, 1.0)
    .source("Bitcoin, Base58Check")
    .examples(&["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"]),
    Recognizer::new(
        "bech32_address",
        "CRYPTO_ADDRESS",
        r"(?:bc|tb|ltc|BC|TB|LTC)1[02-9A-Za-z]{11,87}",
        crypto::bech32,
    )
    .scores(0.0, 1.0)
    .source("BIP 173, BIP 350")
    .examples(&[
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ]),
    Recognizer::new("ethereum_address", "CRYPTO_ADDRESS", r"0x[0-9A-Fa-f]{40}", crypto::ethereum)
        .scores(0.9, 0.9)
        .source("ERC-55")
        .examples(&["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]),
    Recognizer::new("vin", "VEHICLE_ID", r"[A-HJ-NPR-Z0-9]{17}", finance::vin)
        .scores(0.2, 0.7)
        .context(&[
            "vin",
            "vehicle",
            "chassis",
            "car",
            "fahrgestellnummer",
            "fin",
            "châssis",
            "bastidor",
            "telaio",
        ])
        .source("ISO 3779; 49 CFR 565.15")
        .examples(&["1M8GDM9AXKP042788"]),
];
