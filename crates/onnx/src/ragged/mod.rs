//! Cuts a fused encoder into stages of rows, attention and fragments, so that a batch has no padding. A row stage computes
//! each row by itself; the others compute one sequence at a time. So a sequence gives the same bits in any batch.
//! The top of the crate: used by `pilotlight-inference`. Does not know calls or threads.

mod classify;
mod cut;
mod fragment;
mod outline;

use std::sync::Arc;

use pilotlight_kernels::{Heads, InstructionSet, LayerNorm, Weights};
use pilotlight_model::InputRole;

pub use self::fragment::{Fragment, FragmentInput, Operand};
pub use self::outline::{Outline, Unpacked};
use crate::adapt::Wanted;
use crate::error::OnnxError;
use crate::fuse::find;
use crate::import::{Port, lower_unfused};
use crate::operators::Packing;
use crate::precision::Precision;
use crate::proto::ModelProto;
use crate::rewrite::undo_dynamic_quantization;

/// An encoder whose products are computed for the tokens of many sequences at once.
#[derive(Debug)]
pub struct Ragged {
    /// The inputs, i64 `[1, S]` for each sequence, or `[1]` for lengths: the first values, in order.
    pub inputs: Vec<RaggedInput>,
    /// The outputs, f32.
    pub outputs: Vec<RaggedOutput>,
    /// Everything that stages read and write.
    pub values: Vec<Value>,
    /// What is computed, in order.
    pub stages: Vec<Stage>,
    /// The only S there is; then the attention mask says where the padding is. Where there is none,
    /// sequences have no padding, and their attention masks are not read.
    pub length: Option<usize>,
    /// Rows of the smallest table that token ids look up, where that could be told.
    pub vocabulary: Option<usize>,
    /// Multiply-adds for a token in products with constant weights that are computed with kernels of our own, and others.
    pub work: [u64; 2],
}

/// An input of a [`Ragged`].
#[derive(Debug)]
pub struct RaggedInput {
    /// As it is declared.
    pub port: Port,
    /// What it is filled with.
    pub role: InputRole,
}

/// An output of a [`Ragged`].
#[derive(Debug)]
pub struct RaggedOutput {
    /// The name.
    pub name: String,
    /// What it is.
    pub value: ValueId,
    /// It has a row for each token, not one for each sequence.
    pub per_token: bool,
    /// Columns of a row; `None` for `[batch, sequence]`, which has no axis for them.
    pub columns: Option<usize>,
}

/// A number of [`Ragged::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub usize);

/// What stages read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// f32 rows of a matrix, one for each token of each sequence.
    Rows {
        /// Its columns.
        width: usize,
    },
    /// A tensor for each sequence.
    Loose,
}

/// What is computed at once.
#[derive(Debug)]
pub enum Stage {
    /// Each row by itself, step after step.
    Rows(Vec<RowStep>),
    /// Each sequence by itself, any heads apart from others.
    Attend(Attend),
    /// Each sequence by itself.
    Fragment(Fragment),
}

/// A step of a row stage. What it writes is nothing that it reads.
#[derive(Debug)]
pub enum RowStep {
    /// A product with constant weights.
    Linear {
        /// The weights, `[N, K]`.
        weights: Arc<Weights>,
        /// f32 `[N]`.
        bias: Option<Arc<Vec<f32>>>,
        /// GELU follows.
        gelu: bool,
        /// Rows of K.
        x: ValueId,
        /// Rows of N, which are added.
        residual: Option<ValueId>,
        /// Rows of N.
        out: ValueId,
    },
    /// Layer normalization.
    Normalize {
        /// Its parameters.
        norm: LayerNorm,
        /// What is normalized.
        x: ValueId,
        /// What is added before.
        residual: Option<ValueId>,
        /// The result.
        out: ValueId,
    },
    /// `a + b`.
    Add {
        /// A summand.
        a: ValueId,
        /// The other one.
        b: ValueId,
        /// The sum.
        out: ValueId,
    },
}

/// Attention of each sequence.
#[derive(Debug)]
pub struct Attend {
    /// Sizes.
    pub heads: Heads,
    /// Scores are multiplied with it.
    pub scale: f32,
    /// Queries, keys and values: the rows, and the column of these that they begin at.
    pub operands: [(ValueId, usize); 3],
    /// Summands of the scores, `[S]` or `[S, S]` for each sequence.
    pub mask: Option<ValueId>,
    /// Queries that see no key at all give zeros.
    pub guarded: bool,
    /// Rows of all heads.
    pub out: ValueId,
}

impl Ragged {
    /// Lowers an encoder's graph, whose outputs are all wanted, and packs its weights in `precision` for
    /// `set`. The graph has to have the form that [`crate::adapt`] leaves as it is. In other
    /// precisions than f32, products that quantize their input while they compute are computed as all others are: else
    /// it would be quantized twice.
    ///
    /// # Errors
    /// [`OnnxError`] naming what is malformed, unknown or absurd, or why the graph is no encoder.
    pub fn new(
        model: ModelProto,
        precision: Precision,
        set: InstructionSet,
    ) -> Result<Self, OnnxError> {
        Self::with_weights(model, precision, set, |outline| outline.pack())
    }

    /// As [`Self::new`], with the packed weights that `weights` returns: one for each of the outline's, in their order.
    ///
    /// # Errors
    /// Those of [`Self::new`] and of `weights`.
    pub fn with_weights(
        mut model: ModelProto,
        precision: Precision,
        set: InstructionSet,
        weights: impl FnOnce(&Outline<'_>) -> Result<Vec<Weights>, String>,
    ) -> Result<Self, OnnxError> {
        if precision != Precision::F32 {
            undo_dynamic_quantization(&mut model)?;
        }
        let outputs = model.graph.iter().flat_map(|graph| &graph.output);
        let wanted = Wanted::Named(outputs.map(|output| output.name.clone()).collect());
        let (mut model, ports, encoder) = lower_unfused(model, &wanted)?.parts()?;
        if encoder.changed {
            let reason = "its inputs or outputs have not the form that encoders are served in";
            return Err(OnnxError::Graph(reason.into()));
        }
        find(&mut model)?;
        model.declutter().map_err(|error| OnnxError::Optimize(format!("{error:#}")))?;
        cut::cut(&model, (ports, encoder), Packing { precision, set }, weights)
    }
}
