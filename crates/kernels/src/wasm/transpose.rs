use super::WebAssembly;
use super::lanes::Register;
use crate::blocks::DEPTH;
use crate::blocks::float::{Transpose, WeightBlock};
use crate::lanes::{Lanes as _, Simd as _};

impl Transpose for WeightBlock<8> {
    #[inline(always)]
    fn set_all<'a>(&mut self, row: impl Fn(usize) -> &'a [f32; DEPTH]) {
        for half in 0..2 {
            let rows: [&[[f32; 4]]; 4] =
                std::array::from_fn(|lane| row(4 * half + lane).as_chunks::<4>().0);
            for (quad, out) in self.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let lanes = Register::transpose(rows.map(|row| WebAssembly.load(&row[quad])));
                for (lanes, out) in lanes.iter().zip(out) {
                    lanes.store(&mut out.as_chunks_mut::<4>().0[half]);
                }
            }
        }
    }
}
