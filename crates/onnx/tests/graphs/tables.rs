//! Tables of embeddings that are stored as codes and scales.

use pilotlight_onnx::import;
use pilotlight_onnx::proto::{GraphProto, ModelProto, TensorProto};
use tract_core::internal::*;
use tract_core::ops::konst::Const;

use crate::support::{Plan, floats, floats_of, int, model, node, noise, value};

const ROWS: usize = 512;
const COLUMNS: usize = 16;

fn code(row: usize, column: usize) -> i8 {
    ((row * 31 + column * 7) % 255) as i8
}

/// `Gather(Cast(codes) * scale, ids)`.
fn table(scale: &[i64], values: &[f32]) -> ModelProto {
    let codes = (0..ROWS * COLUMNS).map(|place| code(place / COLUMNS, place % COLUMNS) as u8);
    let mut cast = node("Cast", &["codes"], "floats");
    cast.attribute = vec![int("to", 1)];
    model(GraphProto {
        node: vec![
            cast,
            node("Mul", &["floats", "scale"], "table"),
            node("Gather", &["table", "ids"], "rows"),
        ],
        initializer: vec![
            TensorProto {
                name: "codes".into(),
                dims: vec![ROWS as i64, COLUMNS as i64],
                data_type: 3,
                raw_data: codes.collect::<Vec<u8>>().into(),
                ..Default::default()
            },
            floats("scale", scale, values),
        ],
        input: vec![value("ids", 7, &["batch", "sequence"])],
        output: vec![value("rows", 1, &["", "", ""])],
        ..Default::default()
    })
}

#[test]
fn only_rows_that_are_looked_up_are_computed() {
    let (rows, columns) = (ROWS as i64, COLUMNS as i64);
    for shape in [&[rows, 1][..], &[1, columns], &[rows, columns], &[1, 1], &[columns], &[]] {
        let scales = noise(shape.iter().product::<i64>() as usize, 3);
        let imported = import(table(shape, &scales)).unwrap();
        let optimized = imported.model.clone().into_optimized().unwrap();
        let computed = optimized.nodes.iter().filter(|node| !node.op_is::<Const>());
        for fact in computed.flat_map(|node| &node.outputs).map(|output| &output.fact) {
            let volume = fact.shape.volume().to_usize().unwrap_or_default();
            assert!(volume < ROWS * COLUMNS, "{shape:?}: all rows are computed");
        }
        let ids = [3i64, 0, 511, 3, -1, 77];
        let ids = Tensor::from_shape(&[2, 3], &ids).unwrap();
        let found = Plan::new(imported).run([ids]);
        assert_eq!(found.shape(), [2, 3, COLUMNS]);
        let scale = |row: usize, column: usize| match shape {
            [r, c] => scales[row.min(*r as usize - 1) * *c as usize + column.min(*c as usize - 1)],
            _ => scales[column.min(scales.len() - 1)],
        };
        let expected = [3, 0, 511, 3, 511, 77].map(|row| {
            let value = move |column| f32::from(code(row, column)) * scale(row, column);
            (0..COLUMNS).map(value).collect::<Vec<_>>()
        });
        assert_eq!(floats_of(&found), expected.concat(), "{shape:?}");
    }
}
