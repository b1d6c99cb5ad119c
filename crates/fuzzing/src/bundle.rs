//! Files that somebody fetched: `Bundle::read` of any bytes, and of what was sealed and damaged.

use pilotlight_bundle::{Bundle, seal};

/// Runs the target.
pub fn run(bytes: &[u8]) {
    if let Ok(Some(bundle)) = Bundle::read(bytes) {
        let mut again = bundle.component().to_vec();
        seal(&mut again, bundle.manifest()).expect("what was in a bundle can be sealed");
        let again = Bundle::read(&again).expect("it is whole").expect("it is sealed");
        assert_eq!(again.manifest(), bundle.manifest());
        assert_eq!(again.component(), bundle.component());
    }
    let mut sealed = bytes.to_vec();
    let Ok(digest) = seal(&mut sealed, bytes) else { return };
    let bundle = Bundle::read(&sealed).expect("it is whole").expect("it is sealed");
    assert_eq!((bundle.manifest(), bundle.digest()), (bytes, digest));
    let place = digest.as_bytes().iter().fold(0, |place, byte| (place << 8) ^ usize::from(*byte));
    let length = sealed.len();
    sealed[place % length] ^= 1 << (place % 8);
    assert!(Bundle::read(&sealed).is_err(), "a flipped bit was not noticed");
}
