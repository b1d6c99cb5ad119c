//! Names of files that are not read here, by their first bytes.

/// Bytes that suffice to tell a file by.
pub(crate) const LONGEST_MAGIC: usize = 12;

/// First bytes, where they stand, and the name of the format.
const KNOWN: [(usize, &[u8], &str); 17] = [
    (0, b"RF64", "RF64"),
    (0, b"BW64", "BW64"),
    (0, b"RIFX", "RIFX (big-endian WAV)"),
    (8, b"AVI ", "AVI"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg (Vorbis, Opus)"),
    (0, b"ID3", "MP3"),
    (0, b"\xff\xfb", "MP3"),
    (0, b"\xff\xf3", "MP3"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (4, b"ftyp", "MP4 (M4A, AAC)"),
    (0, b"\x1a\x45\xdf\xa3", "WebM"),
    (0, b"FORM", "AIFF"),
    (0, b"caff", "CAF"),
    (0, b".snd", "AU"),
    (0, b"#!AMR", "AMR"),
];

/// Shorter ones may just as well be samples.
const SHORTEST_MAGIC: usize = 3;

/// What a file is that begins with `bytes`.
pub(crate) fn name(bytes: &[u8]) -> &'static str {
    find(bytes, 0).unwrap_or("this file format")
}

/// The name of a format that bytes which may be samples are most likely of instead.
pub(crate) fn unmistakable(bytes: &[u8]) -> Option<&'static str> {
    find(bytes, SHORTEST_MAGIC)
}

fn find(bytes: &[u8], shortest: usize) -> Option<&'static str> {
    let is_one = |(at, magic, _): &&(usize, &[u8], &str)| {
        magic.len() >= shortest && bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic))
    };
    KNOWN.iter().find(is_one).map(|(_, _, name)| *name)
}
