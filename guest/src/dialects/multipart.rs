//! `multipart/form-data` (RFC 7578) of a body that is there whole: parts with their names.

use crate::api::ApiError;

/// Most parts of a form.
const MOST_PARTS: usize = 64;
/// Longest head of a part.
const LONGEST_HEAD: usize = 8 << 10;

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// Its name.
    pub(super) name: String,
    /// Its content.
    pub(super) content: &'a [u8],
}

impl Part<'_> {
    /// Its content as text.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for other bytes.
    pub(super) fn text(&self) -> Result<&str, ApiError> {
        std::str::from_utf8(self.content)
            .map_err(|_| ApiError::Invalid(format!("{} is not UTF-8", self.name)))
    }
}

/// Takes a form apart, which ends with its last delimiter.
///
/// # Errors
/// [`ApiError::Malformed`] with what is wrong.
pub(super) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, ApiError> {
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
    let boundary =
        boundary.ok_or_else(|| malformed("content-type has no boundary of multipart/form-data"))?;
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let cut = || malformed("the form ends before its last delimiter");
    // Nothing has to stand in front of the first delimiter, not even a line break.
    let mut rest = match body.strip_prefix(&delimiter[2..]) {
        Some(rest) => rest,
        None => split(body, &delimiter).ok_or_else(cut)?.1,
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        if parts.len() == MOST_PARTS {
            return Err(malformed(&format!("the form has more than {MOST_PARTS} parts")));
        }
        let (padding, after) = split(rest, b"\r\n").ok_or_else(cut)?;
        if !padding.trim_ascii().is_empty() {
            return Err(malformed("a delimiter of the form is followed by other bytes"));
        }
        let head_end = after.get(..LONGEST_HEAD.min(after.len())).unwrap_or_default();
        let (head, _) =
            split(head_end, b"\r\n\r\n").ok_or_else(|| malformed("a part has no headers"))?;
        let (content, following) = split(&after[head.len() + 4..], &delimiter).ok_or_else(cut)?;
        parts.push(Part { name: name(head)?, content });
        rest = following;
    }
    Ok(parts)
}

fn malformed(message: &str) -> ApiError {
    ApiError::Malformed(message.to_owned())
}

/// What stands in front of `mark` and behind it.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let first = *mark.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(mark) {
            return Some((&bytes[..at], &bytes[at + mark.len()..]));
        }
        from = at + 1;
    }
    None
}

/// The name of a part, from its `content-disposition`.
fn name(head: &[u8]) -> Result<String, ApiError> {
    let head = String::from_utf8_lossy(head);
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let is_disposition =
        |(name, _): &(&str, &str)| name.trim().eq_ignore_ascii_case("content-disposition");
    let disposition = fields.find(is_disposition).map(|(_, value)| value);
    let name = disposition.and_then(|value| parameter(value, "name"));
    name.ok_or_else(|| malformed("a part of the form has no name"))
}

/// A parameter of a header's value, with quotes or without.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = value.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (text, following) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (text, following) = after.split_once(';').unwrap_or((after, ""));
                (text.trim().to_owned(), following)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = following.trim_start().trim_start_matches(';');
    }
}

/// Text up to the next quote without a backslash, and what follows.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(characters.next()?.1),
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; charset=utf-8; boundary=\"x y\"";

    #[test]
    fn parts_have_names_and_any_bytes() {
        let body = b"in front\r\n--x y \r\nContent-Disposition: form-data; filename=\"a;name=b.wav\"; name=\"file\"\r\n\
            Content-Type: audio/wav\r\n\r\n\0\r\n--x\r\n\xff\r\n--x y\r\ncontent-disposition: form-data; name=model\r\n\r\n\
            tiny\r\n--x y--\r\nbehind";
        let parts = parts(TYPE, body).unwrap();
        let found: Vec<_> = parts.iter().map(|part| (&part.name[..], part.content)).collect();
        assert_eq!(found, [("file", &b"\0\r\n--x\r\n\xff"[..]), ("model", &b"tiny"[..])]);
        assert!(parts[0].text().is_err());
        assert_eq!(parts[1].text(), Ok("tiny"));
    }

    #[test]
    fn a_form_that_is_cut_anywhere_is_refused() {
        let body = b"--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncontent\r\n--x y--";
        assert!(parts(TYPE, body).is_ok());
        for end in 0..body.len() {
            let cut = parts(TYPE, &body[..end]);
            assert!(matches!(cut, Err(ApiError::Malformed(_))), "{end}: {cut:?}");
        }
        assert!(parts("multipart/form-data", body).is_err());
        assert!(parts(TYPE, b"--x y\r\n\r\n\r\n\r\n--x y--").is_err());
    }
}
