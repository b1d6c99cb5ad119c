//! Texts as people write them.

use crate::found;

fn expect(text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    assert_eq!(found(text), expected, "{text}");
}

#[test]
fn identifiers_are_found_whole_among_words() {
    expect("IBAN DE89 3704 0044 0532 0130 00 and more", &[("IBAN", "DE89 3704 0044 0532 0130 00")]);
    let cards = "4111 1111 1111 1111 5500 0000 0000 0004";
    let both = [("CREDIT_CARD", "4111 1111 1111 1111"), ("CREDIT_CARD", "5500 0000 0000 0004")];
    expect(cards, &both);
    expect("Card 4111-1111-1111-1111 exp 12/27", &[("CREDIT_CARD", "4111-1111-1111-1111")]);
    expect("key AKIAIOSFODNN7EXAMPLE.", &[("SECRET", "AKIAIOSFODNN7EXAMPLE")]);
    expect(
        "from 192.168.1.17 by 00:1A:2B:3C:4D:5E",
        &[("IP_ADDRESS", "192.168.1.17"), ("MAC_ADDRESS", "00:1A:2B:3C:4D:5E")],
    );
    expect(
        "mail ada@example.com, see https://example.com/a.",
        &[("EMAIL", "ada@example.com"), ("URL", "https://example.com/a")],
    );
    expect(
        "我的身份证号是11010519491231002X，手机13812345678。",
        &[("CN_RESIDENT_ID", "11010519491231002X"), ("PHONE", "13812345678")],
    );
}

#[test]
fn numbers_that_only_look_like_identifiers_are_left() {
    expect("Card 4111-1111-1111-1112", &[]);
    expect("IBAN DE88 3704 0044 0532 0130 00", &[]);
    expect("order 123456789 of 2024-03-12, 1.5 million, version 1.2.3.4.5", &[]);
    expect("a::b and std::vec, 12:30, 3/4, 100-200", &[]);
    expect("ISBN 978-3-16-148410-0 costs 12,345,678.90", &[]);
}

#[test]
fn bare_numbers_need_a_word_that_says_what_they_are() {
    expect("number 111222333", &[]);
    expect("BSN 111222333", &[("NL_BSN", "111222333")]);
    expect("SSN 536904399", &[("US_SSN", "536904399")]);
    expect("536-90-4399", &[("US_SSN", "536-90-4399")]);
    expect("on 12.03.1984 we met", &[]);
    expect("geboren am 12.03.1984 in Köln", &[("DATE_OF_BIRTH", "12.03.1984")]);
}

#[test]
fn spelling_does_not_hide_identifiers() {
    let card = [("CREDIT_CARD", "4111\u{a0}1111\u{a0}1111\u{a0}1111")];
    expect("4111\u{a0}1111\u{a0}1111\u{a0}1111", &card);
    expect(
        "４１１１１１１１１１１１１１１１",
        &[("CREDIT_CARD", "４１１１１１１１１１１１１１１１")],
    );
    expect("4111\u{200b}111111111111", &[("CREDIT_CARD", "4111\u{200b}111111111111")]);
    expect("٤١١١١١١١١١١١١١١١", &[("CREDIT_CARD", "٤١١١١١١١١١١١١١١١")]);
    expect("4111‑1111‑1111‑1111", &[("CREDIT_CARD", "4111‑1111‑1111‑1111")]);
}

#[test]
fn private_keys_are_found_with_and_without_their_end() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----";
    expect(&format!("x\n{key}\ny"), &[("PRIVATE_KEY", key)]);
    let cut = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ==";
    expect(&format!("{cut}\nHello there"), &[("PRIVATE_KEY", cut)]);
}
