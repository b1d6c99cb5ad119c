"""Made-up texts in ten languages with the places of personal data, as lines of JSON.

    python corpus.py [--texts 200] [--seed 1] > corpus.jsonl

Each line has `text`, `language`, `spans` (label, start, end in code points) and `decoys`: numbers of the form of
an identifier whose checksum is wrong. Nothing of a decoy's label may be found there. Values are Faker's; those
that Faker does not have are computed here, by the rules that their issuers publish.
"""

import argparse
import json
import random
import sys

from faker import Faker

LOCALES = {
    "en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT",
    "nl": "nl_NL", "pl": "pl_PL", "pt": "pt_BR", "sv": "sv_SE", "zh": "zh_CN",
}

# `{LABEL}` is a value, `{LABEL!}` one with a wrong checksum.
TEMPLATES = {
    "en": [
        "Hi, this is {NAME}. Please charge my card {CREDIT_CARD}, not {CREDIT_CARD!}.",
        "My SSN is {US_SSN} and I was born on {DATE_OF_BIRTH}.",
        "Transfer it to IBAN {IBAN}; the old one, {IBAN!}, is closed. {NAME}",
        "Write to {EMAIL} or call {PHONE}.",
        "The host {IP_ADDRESS} ({MAC_ADDRESS}) leaked the key {SECRET}.",
        "NHS number {UK_NHS} belongs to {NAME}, not {UK_NHS!}.",
        "The meeting about invoice 2024-1187 is at 10:30 in room 4, agenda at {URL}.",
        "Bitcoin address: {CRYPTO_ADDRESS}",
    ],
    "de": [
        "Guten Tag, mein Name ist {NAME}, meine IBAN lautet {IBAN}.",
        "Steuer-ID {DE_TAX_ID}, nicht {DE_TAX_ID!}, geboren am {DATE_OF_BIRTH}.",
        "Die Kreditkarte {CREDIT_CARD} ist gesperrt. Telefon: {PHONE}",
        "Bitte an {EMAIL} antworten, {NAME}.",
        "Die Rechnung 2024-1187 über 1.250,00 Euro ist seit dem 03.02.2024 offen.",
    ],
    "fr": [
        "Bonjour, je m'appelle {NAME}, mon IBAN est {IBAN}.",
        "Numéro de sécurité sociale : {FR_NIR}, et non {FR_NIR!}.",
        "Ma carte {CREDIT_CARD} a été refusée, mon téléphone est le {PHONE}.",
        "Écrivez à {EMAIL}. Né le {DATE_OF_BIRTH}.",
        "La réunion du 12/03/2024 est reportée, dossier 884120.",
    ],
    "es": [
        "Hola, soy {NAME}, mi DNI es {ES_DNI} y no {ES_DNI!}.",
        "Mi tarjeta {CREDIT_CARD} y mi cuenta IBAN {IBAN}.",
        "Llámame al teléfono {PHONE} o escribe a {EMAIL}.",
        "Su NIE es {ES_NIE}. Fecha de nacimiento: {DATE_OF_BIRTH}.",
    ],
    "it": [
        "Buongiorno, sono {NAME}, codice fiscale {IT_FISCAL_CODE}, non {IT_FISCAL_CODE!}.",
        "Bonifico su IBAN {IBAN}, carta {CREDIT_CARD}.",
        "Telefono {PHONE}, e-mail {EMAIL}. Data di nascita {DATE_OF_BIRTH}.",
    ],
    "nl": [
        "Hallo, ik ben {NAME}, mijn BSN is {NL_BSN} en niet {NL_BSN!}.",
        "Rekening {IBAN}, kaart {CREDIT_CARD}.",
        "Bel {PHONE} of mail naar {EMAIL}. Geboortedatum {DATE_OF_BIRTH}.",
    ],
    "pl": [
        "Dzień dobry, nazywam się {NAME}, PESEL {PL_PESEL}, a nie {PL_PESEL!}.",
        "Konto IBAN {IBAN}, karta {CREDIT_CARD}.",
        "Telefon {PHONE}, e-mail {EMAIL}. Data urodzenia {DATE_OF_BIRTH}.",
    ],
    "pt": [
        "Olá, sou {NAME}, CPF {BR_CPF}, não {BR_CPF!}.",
        "CNPJ {BR_CNPJ} e não {BR_CNPJ!}, cartão {CREDIT_CARD}.",
        "Telefone {PHONE}, e-mail {EMAIL}. Data de nascimento {DATE_OF_BIRTH}.",
    ],
    "sv": [
        "Hej, jag heter {NAME}, personnummer {SE_PERSONNUMMER}, inte {SE_PERSONNUMMER!}.",
        "Konto IBAN {IBAN}, kort {CREDIT_CARD}.",
        "Telefon {PHONE}, e-post {EMAIL}. Född {DATE_OF_BIRTH}.",
    ],
    "zh": [
        "你好，我叫{NAME}，身份证号{CN_RESIDENT_ID}，不是{CN_RESIDENT_ID!}。",
        "我的手机是{PHONE}，邮箱{EMAIL}。",
        "信用卡{CREDIT_CARD}，出生日期{DATE_OF_BIRTH}。",
    ],
}


def digits(n):
    return [random.randrange(10) for _ in range(n)]


def text(ds):
    return "".join(map(str, ds))


def luhn(ds):
    """The check digit behind `ds`."""
    total = sum(d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(ds)))
    return -total % 10


def uk_nhs(_):
    while True:
        ds = digits(9)
        check = -sum(d * w for d, w in zip(ds, range(10, 1, -1))) % 11
        if check < 10 and len(set(ds)) > 1:
            value = text(ds + [check])
            return f"{value[:3]} {value[3:6]} {value[6:]}"


def de_tax_id(_):
    order = random.sample(range(10), 9)
    ds = order + [random.choice(order[1:])]
    random.shuffle(ds)
    if ds[0] == 0:
        return de_tax_id(_)
    product = 10
    for d in ds:
        product = (d + product) % 10 or 10
        product = product * 2 % 11
    return text(ds + [(11 - product) % 10])


def nl_bsn(_):
    while True:
        ds = digits(8)
        check = sum(d * w for d, w in zip(ds, range(9, 1, -1))) % 11
        if check < 10 and ds[0] and len(set(ds)) > 1:
            return text(ds + [check])


def es_letter(number):
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]


def es_dni(_):
    number = random.randrange(1_000_000, 99_999_999)
    return f"{number:08}{es_letter(number)}"


def es_nie(_):
    kind, number = random.randrange(3), random.randrange(10_000_000)
    return f"{'XYZ'[kind]}{number:07}{es_letter(kind * 10_000_000 + number)}"


def fr_nir(_):
    body = f"{random.choice('12')}{random.randrange(40, 99)}{random.randrange(1, 13):02}"
    body += f"{random.randrange(1, 95):02}{random.randrange(1, 999):03}{random.randrange(1, 999):03}"
    value = body + f"{97 - int(body) % 97:02}"
    if random.random() < 0.5:
        return value
    parts = [value[:1], value[1:3], value[3:5], value[5:7], value[7:10], value[10:13], value[13:]]
    return " ".join(parts)


def se_personnummer(fake):
    born = fake.date_of_birth(minimum_age=18, maximum_age=90)
    ds = [int(c) for c in born.strftime("%y%m%d")] + digits(3)
    value = text(ds + [luhn(ds)])
    century = born.strftime("%Y")[:2] if random.random() < 0.5 else ""
    return f"{century}{value[:6]}-{value[6:]}"


# Providers of some locales have no kinds of cards, or no IBANs.
CARDS = Faker("en_US")


def card(_):
    value = CARDS.credit_card_number(random.choice(["visa16", "mastercard", "amex", "discover", "jcb16"]))
    style = random.randrange(3)
    if style and len(value) == 16:
        return (" -"[style - 1]).join(value[i:i + 4] for i in range(0, 16, 4))
    return value


def iban(fake):
    value = fake.iban()
    if random.random() < 0.5:
        return " ".join(value[i:i + 4] for i in range(0, len(value), 4))
    return value


def secret(_):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    of = lambda alphabet, n: "".join(random.choice(alphabet) for _ in range(n))
    return random.choice([
        "AKIA" + of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
        "ghp_" + of(letters, 36),
        "sk_live_" + of(letters, 24),
        "xoxb-" + of("0123456789", 11) + "-" + of(letters, 24),
    ])


def bitcoin(_):
    import hashlib
    payload = b"\0" + bytes(random.randrange(256) for _ in range(20))
    raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, out = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        out = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest] + out
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + out


def birth(fake):
    day = fake.date_of_birth(minimum_age=18, maximum_age=90)
    return day.strftime(random.choice(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"]))


VALUES = {
    "NAME": lambda fake: fake.name(),
    "EMAIL": lambda fake: fake.email(),
    "URL": lambda fake: fake.url() + fake.uri_path(),
    "PHONE": lambda fake: fake.phone_number(),
    "IP_ADDRESS": lambda fake: random.choice([fake.ipv4_public, fake.ipv6])(),
    "MAC_ADDRESS": lambda fake: fake.mac_address(),
    "CREDIT_CARD": card,
    "IBAN": iban,
    "US_SSN": lambda fake: fake.ssn(),
    "UK_NHS": uk_nhs,
    "DE_TAX_ID": de_tax_id,
    "FR_NIR": fr_nir,
    "ES_DNI": es_dni,
    "ES_NIE": es_nie,
    "IT_FISCAL_CODE": lambda fake: fake.ssn(),
    "NL_BSN": nl_bsn,
    "PL_PESEL": lambda fake: fake.pesel(),
    "BR_CPF": lambda fake: fake.cpf(),
    "BR_CNPJ": lambda fake: fake.cnpj(),
    "SE_PERSONNUMMER": se_personnummer,
    "CN_RESIDENT_ID": lambda fake: fake.ssn(),
    "CRYPTO_ADDRESS": bitcoin,
    "SECRET": secret,
    "DATE_OF_BIRTH": birth,
}


def wrong(label, value):
    """The value with another check digit or letter, which no rule of its label accepts."""
    places = [i for i, c in enumerate(value) if c.isalnum()]
    # The check digits of an IBAN are the third and fourth.
    place = places[3] if label == "IBAN" else places[-1]
    old = value[place]
    new = str((int(old) + 1) % 10) if old.isdigit() else ("A" if old == "Z" else chr(ord(old) + 1))
    return value[:place] + new + value[place + 1:]


def fill(template, fake):
    out, spans, decoys = "", [], []
    while "{" in template:
        before, _, rest = template.partition("{")
        slot, _, template = rest.partition("}")
        label, decoy = slot.rstrip("!"), slot.endswith("!")
        value = VALUES[label](fake)
        if decoy:
            value = wrong(label, value)
        out += before
        (decoys if decoy else spans).append({"label": label, "start": len(out), "end": len(out) + len(value)})
        out += value
    return {"text": out + template, "spans": spans, "decoys": decoys}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--texts", type=int, default=200, help="texts for each language (default 200)")
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    random.seed(options.seed)
    CARDS.seed_instance(options.seed)
    for language, locale in LOCALES.items():
        fake = Faker(locale)
        fake.seed_instance(options.seed)
        for index in range(options.texts):
            template = TEMPLATES[language][index % len(TEMPLATES[language])]
            line = {"language": language, **fill(template, fake)}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
