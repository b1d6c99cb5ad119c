//! Several graphs in one file: a graph file is one file beside a component, whatever a model consists of.
//!
//! Layout, integers little-endian: magic, number of parts (u32), for each part the length of its name (u32),
//! the name, and the length of its content (u64), then the contents in the same order.

const MAGIC: &[u8; 8] = b"PLGRAPHS";
/// Maximum number of parts of a package.
const MOST_PARTS: usize = 16;
/// Longest name of a part.
const LONGEST_NAME: usize = 64;

/// Files by name, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> Package<'a> {
    /// A package of these parts.
    pub fn new(parts: Vec<(&'a str, &'a [u8])>) -> Self {
        Self(parts)
    }

    /// Whether a file is a package, by its first bytes.
    pub fn is(file: &[u8]) -> bool {
        file.starts_with(MAGIC)
    }

    /// Reads a package.
    ///
    /// # Errors
    /// Why the file is no package, in words.
    pub fn read(file: &'a [u8]) -> Result<Self, String> {
        let cut = || "the package of graphs is truncated".to_owned();
        let rest = file.strip_prefix(MAGIC).ok_or("not a package of graphs")?;
        let (count, mut rest) = number::<4>(rest).ok_or_else(cut)?;
        if count > MOST_PARTS {
            return Err(format!(
                "the package contains {count} graphs, more than the maximum of {MOST_PARTS}"
            ));
        }
        let mut heads = Vec::new();
        for _ in 0..count {
            let (length, after) = number::<4>(rest).ok_or_else(cut)?;
            if length > LONGEST_NAME {
                return Err(format!("a name of {length} bytes; at most {LONGEST_NAME}"));
            }
            let (name, after) = after.split_at_checked(length).ok_or_else(cut)?;
            let name = std::str::from_utf8(name).map_err(|error| error.to_string())?;
            let (length, after) = number::<8>(after).ok_or_else(cut)?;
            heads.push((name, length));
            rest = after;
        }
        let mut parts = Vec::new();
        for (name, length) in heads {
            let (content, after) = rest.split_at_checked(length).ok_or_else(cut)?;
            parts.push((name, content));
            rest = after;
        }
        if !rest.is_empty() {
            return Err(format!("{} bytes behind the package of graphs", rest.len()));
        }
        Ok(Self(parts))
    }

    /// The package as a file.
    pub fn write(&self) -> Vec<u8> {
        let contents = self.0.iter().map(|(name, content)| name.len() + content.len() + 12);
        let mut file = Vec::with_capacity(MAGIC.len() + 4 + contents.sum::<usize>());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&(self.0.len() as u32).to_le_bytes());
        for (name, content) in &self.0 {
            file.extend_from_slice(&(name.len() as u32).to_le_bytes());
            file.extend_from_slice(name.as_bytes());
            file.extend_from_slice(&(content.len() as u64).to_le_bytes());
        }
        self.0.iter().for_each(|(_, content)| file.extend_from_slice(content));
        file
    }

    /// Names and contents of the parts.
    pub fn parts(&self) -> &[(&'a str, &'a [u8])] {
        &self.0
    }

    /// The content of a part.
    pub fn part(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, content)| *content)
    }
}

/// The first `N` bytes as an integer, and what follows them.
fn number<const N: usize>(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(first);
    Some((usize::try_from(u64::from_le_bytes(wide)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Package::new(vec![("encoder", b"e"), ("decoder", b"")]).write();
        let file = Package::new(vec![("speech", &inner), ("voice", b"v")]).write();
        let package = Package::read(&file).unwrap();
        assert_eq!(package.part("voice"), Some(&b"v"[..]));
        assert_eq!(package.part("other"), None);
        let inner = Package::read(package.part("speech").unwrap()).unwrap();
        assert_eq!(inner.parts(), [("encoder", &b"e"[..]), ("decoder", &b""[..])]);
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        let file = Package::new(vec![("a", b"content"), ("b", b"more")]).write();
        (0..file.len()).for_each(|end| assert!(Package::read(&file[..end]).is_err(), "{end}"));
        let longer = [&file[..], b"x"].concat();
        assert!(Package::read(&longer).is_err());
        assert!(Package::read(b"PLGRAPHS\xff\xff\xff\xff").is_err());
    }

    proptest! {
        #[test]
        fn garbage_is_refused_and_not_followed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let file = [&MAGIC[..], &bytes].concat();
            if let Ok(package) = Package::read(&file) {
                prop_assert_eq!(package.write(), file);
            }
        }
    }
}
