use super::WebAssembly;
use super::lanes::Register;
use crate::blocks::DEPTH;
use crate::blocks::float::WeightBlock;
use crate::form::Transpose;
use crate::lanes::{Lanes as _, Simd as _};

impl Transpose for WebAssembly {
    #[inline(always)]
    fn transpose<'a>(self, row: impl Fn(usize) -> &'a [f32; DEPTH], out: &mut WeightBlock<8>) {
        for half in 0..2 {
            let rows: [&[[f32; 4]]; 4] =
                std::array::from_fn(|lane| row(4 * half + lane).as_chunks::<4>().0);
            for (quad, out) in out.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let lanes = Register::transpose(rows.map(|row| self.load(&row[quad])));
                for (lanes, out) in lanes.iter().zip(out) {
                    lanes.store(&mut out.as_chunks_mut::<4>().0[half]);
                }
            }
        }
    }
}
