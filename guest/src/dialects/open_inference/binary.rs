//! Strings of bytes as the binary tensor extension has them: each behind its length, 32 bits,
//! little-endian.

/// Bytes of a length.
const LENGTH: usize = size_of::<u32>();

/// The elements of a tensor with `count` of them.
///
/// # Errors
/// What is wrong with the tensor.
pub(super) fn read(tensor: &[u8], count: usize) -> Result<Vec<&[u8]>, String> {
    let mut elements = Vec::with_capacity(count.min(tensor.len() / LENGTH));
    let mut rest = tensor;
    while !rest.is_empty() {
        let place = elements.len();
        let length = rest.split_first_chunk::<LENGTH>();
        let (length, behind) =
            length.ok_or_else(|| format!("ends within the length of its element {place}"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (element, behind) = behind
            .split_at_checked(length)
            .ok_or_else(|| format!("ends within its element {place}, which has {length} bytes"))?;
        elements.push(element);
        rest = behind;
    }
    match elements.len() {
        found if found == count => Ok(elements),
        found => Err(format!("has {found} elements, but its shape has {count}")),
    }
}

/// Bytes that elements take.
pub(super) fn length(elements: &[String]) -> usize {
    elements.iter().map(|element| LENGTH + element.len()).sum()
}

/// Appends elements. None has 4 GiB: a WebAssembly memory does not hold more.
pub(super) fn write(elements: &[String], to: &mut Vec<u8>) {
    for element in elements {
        to.extend((element.len() as u32).to_le_bytes());
        to.extend(element.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_stand_behind_their_lengths() {
        let elements = ["ab".to_owned(), String::new()];
        let mut tensor = Vec::new();
        write(&elements, &mut tensor);
        assert_eq!(tensor, b"\x02\0\0\0ab\0\0\0\0");
        assert_eq!(length(&elements), tensor.len());
        assert_eq!(read(&tensor, 2), Ok(vec![&b"ab"[..], b""]));
    }

    #[test]
    fn other_bytes_are_refused() {
        for (tensor, count) in [
            (&b"\x02\0\0\0ab"[..], 2),
            (b"\x02\0\0\0ab", 0),
            (b"\x02\0\0\0a", 1),
            (b"\x02\0\0", 1),
            (b"\xff\xff\xff\xffab", 1),
            (b"", 1),
        ] {
            assert!(read(tensor, count).is_err(), "{tensor:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(elements in proptest::collection::vec(any::<String>(), 0..8)) {
            let mut tensor = Vec::new();
            write(&elements, &mut tensor);
            let bytes: Vec<&[u8]> = elements.iter().map(String::as_bytes).collect();
            prop_assert_eq!(read(&tensor, elements.len()), Ok(bytes));
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            tensor in proptest::collection::vec(0u8..4, 0..40),
            count in 0usize..10,
        ) {
            if let Ok(elements) = read(&tensor, count) {
                prop_assert_eq!(elements.len(), count);
            }
        }
    }
}
