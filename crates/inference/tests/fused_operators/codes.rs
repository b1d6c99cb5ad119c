//! Constants of codes.

use super::draft::Draft;

/// Adds constant codes `[rows, columns]`, signed or not, and their zero points `NAME_zero`: one, or one for each
/// column. Returns the shape of the zero points, which scales have, too.
pub fn add_codes(d: &mut Draft, name: &str, sizes: [usize; 2]) -> Vec<usize> {
    let shape = if d.flag() { vec![sizes[1]] } else { Vec::new() };
    let zero = format!("{name}_zero");
    if d.flag() {
        d.drawn_constant(name, &sizes, Draft::signed_bytes);
        d.drawn_constant(&zero, &shape, Draft::signed_bytes);
    } else {
        d.drawn_constant(name, &sizes, Draft::middle_bytes);
        d.drawn_constant(&zero, &shape, Draft::middle_bytes);
    }
    shape
}
