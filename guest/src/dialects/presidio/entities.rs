//! Presidio's names of entities.

/// Labels of models and recognizers, and the entity that Presidio has for them. Others are the same.
const NAMES: &[(&str, &str)] = &[
    ("BANK_ACCOUNT", "US_BANK_NUMBER"),
    ("BUILDING_NUMBER", "LOCATION"),
    ("CITY", "LOCATION"),
    ("CRYPTO_ADDRESS", "CRYPTO"),
    ("DATE", "DATE_TIME"),
    ("DATE_OF_BIRTH", "DATE_TIME"),
    ("DRIVERS_LICENSE", "US_DRIVER_LICENSE"),
    ("EMAIL", "EMAIL_ADDRESS"),
    ("ES_DNI", "ES_NIF"),
    ("FI_HETU", "FI_PERSONAL_IDENTITY_CODE"),
    ("GIVEN_NAME", "PERSON"),
    ("GPE", "LOCATION"),
    ("IBAN", "IBAN_CODE"),
    ("IT_VAT", "IT_VAT_CODE"),
    ("LOC", "LOCATION"),
    ("ORG", "ORGANIZATION"),
    ("PASSPORT", "US_PASSPORT"),
    ("PER", "PERSON"),
    ("PHONE", "PHONE_NUMBER"),
    ("ROUTING_NUMBER", "ABA_ROUTING_NUMBER"),
    ("SECONDARY_ADDRESS", "LOCATION"),
    ("SG_NRIC", "SG_NRIC_FIN"),
    ("STATE", "LOCATION"),
    ("STREET_NAME", "LOCATION"),
    ("SURNAME", "PERSON"),
    ("TH_ID", "TH_TNIN"),
    ("ZIP_CODE", "LOCATION"),
];

/// The entity that a label is.
pub(super) fn of_label(label: &str) -> &str {
    let place = NAMES.binary_search_by_key(&label, |(label, _)| *label);
    place.map_or(label, |place| NAMES[place].1)
}

/// Whether neighbors of this entity are one, such as a given name and a surname, if only `between` is
/// between them.
pub(super) fn joins(entity: &str, between: &str) -> bool {
    let separates = |letter: char| match entity {
        "PERSON" => letter == ' ',
        "LOCATION" => letter == ' ' || letter == ',',
        _ => false,
    };
    between.len() <= 2 && between.chars().all(separates) && matches!(entity, "PERSON" | "LOCATION")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted() {
        assert!(NAMES.is_sorted());
        assert_eq!(of_label("SURNAME"), "PERSON");
        assert_eq!(of_label("CREDIT_CARD"), "CREDIT_CARD");
    }
}
