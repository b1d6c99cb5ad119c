//! The table of recognizers, a file for each group. One row is one format of one kind of identifier.
//! Used by `options` and `find`. Does not know how texts are scanned.

mod americas;
mod asia;
mod contact;
mod dates;
mod europe;
mod europe_east;
mod finance;
mod network;
mod oceania;
mod secrets;

use crate::recognizer::Recognizer;

/// All recognizers.
pub fn recognizers() -> impl Iterator<Item = &'static Recognizer> {
    let tables = [
        contact::ROWS,
        network::ROWS,
        finance::ROWS,
        secrets::ROWS,
        dates::ROWS,
        americas::ROWS,
        europe::ROWS,
        europe_east::ROWS,
        asia::ROWS,
        oceania::ROWS,
    ];
    tables.into_iter().flatten()
}
