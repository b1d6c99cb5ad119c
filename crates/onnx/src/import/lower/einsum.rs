//! `Einsum`, two operands at a time.

use std::collections::{BTreeMap, BTreeSet};

use tract_core::internal::*;
use tract_core::ops::nn::{Reduce, Reducer};

use super::linear::contracted;
use super::{Lower, Wiring};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    (operator == "Einsum").then_some(einsum as Lower)
}

/// A value and the letters of its axes.
struct Operand {
    outlet: OutletId,
    letters: String,
}

fn einsum(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let equation = w.node.string("equation").context("the equation is missing")?;
    let equation: String = String::from_utf8(equation.to_vec())?.split_whitespace().collect();
    let (terms, output) = match equation.split_once("->") {
        Some((terms, output)) => (terms, Some(output)),
        None => (&equation[..], None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    let inputs = w.all_inputs()?;
    ensure!(terms.len() == inputs.len(), "{equation} for {} inputs", inputs.len());
    let dtypes = inputs.iter().map(|input| w.dtype(*input)).collect::<TractResult<Vec<_>>>()?;
    let dtype = DatumType::super_type_for(dtypes).context("element types do not fit")?;
    let ellipsis = Ellipsis::of(w, &equation, &terms, &inputs)?;
    let mut operands = Vec::new();
    for (term, input) in terms.iter().zip(inputs) {
        let letters = ellipsis.expand(term, w.rank(input)?)?;
        let distinct: BTreeSet<char> = letters.chars().collect();
        ensure!(distinct.len() == letters.len(), "an axis twice in {term} is not supported");
        operands.push(Operand { outlet: w.cast(input, dtype)?, letters });
    }
    let output = match output {
        Some(output) => ellipsis.expand(output, usize::MAX)?,
        None => implicit(&operands, &ellipsis),
    };
    let known = |letter: char| operands.iter().any(|operand| operand.letters.contains(letter));
    ensure!(output.chars().all(known), "{equation} has an output that no input has");
    operands.reverse();
    let mut product = operands.pop().context("no inputs")?;
    while let Some(operand) = operands.pop() {
        let later = |letter: char| {
            output.contains(letter) || operands.iter().any(|left| left.letters.contains(letter))
        };
        let (one, other) = (product.letters.clone(), operand.letters.clone());
        product = product.without(w, |letter| later(letter) || other.contains(letter))?;
        let operand = operand.without(w, |letter| later(letter) || one.contains(letter))?;
        let both =
            product.letters.chars().chain(operand.letters.chars().filter(|l| !one.contains(*l)));
        let letters: String = both.filter(|letter| later(*letter)).collect();
        let formula = format!("{},{}->{letters}", product.letters, operand.letters);
        let outlet = contracted(w, &formula, [product.outlet, operand.outlet])?;
        product = Operand { outlet, letters };
    }
    let Operand { mut outlet, letters } = product.without(w, |letter| output.contains(letter))?;
    let place = |letter: char| letters.chars().position(|other| other == letter);
    let permutation: Option<TVec<usize>> = output.chars().map(place).collect();
    let permutation = permutation.filter(|places| places.len() == letters.len());
    for op in perm_to_ops(&permutation.context("the output has an axis twice")?) {
        outlet = w.wire("move", op, &[outlet])?;
    }
    Ok(tvec!(outlet))
}

impl Operand {
    /// Summed over the axes that are not kept.
    fn without(self, w: &mut Wiring<'_>, kept: impl Fn(char) -> bool) -> TractResult<Self> {
        let Self { mut outlet, letters } = self;
        let summed = letters.chars().enumerate().filter(|(_, letter)| !kept(*letter));
        let summed: TVec<usize> = summed.map(|(axis, _)| axis).collect();
        if !summed.is_empty() {
            outlet = w.wire("sum", Reduce::new(summed.clone(), Reducer::Sum), &[outlet])?;
        }
        for axis in summed.into_iter().rev() {
            outlet = w.wire("summed", AxisOp::Rm(axis), &[outlet])?;
        }
        Ok(Self { outlet, letters: letters.chars().filter(|letter| kept(*letter)).collect() })
    }
}

/// Letters that stand for `...`, as many as any term needs; shorter ones take the last.
struct Ellipsis(Vec<char>);

impl Ellipsis {
    fn of(
        w: &Wiring<'_>,
        equation: &str,
        terms: &[&str],
        inputs: &[OutletId],
    ) -> TractResult<Self> {
        let mut longest = 0;
        for (term, input) in terms.iter().zip(inputs) {
            if let Some(named) = term.contains("...").then(|| term.len() - 3) {
                longest = longest.max(w.rank(*input)?.saturating_sub(named));
            }
        }
        let free = ('A'..='Z').chain('a'..='z').filter(|letter| !equation.contains(*letter));
        let letters: Vec<char> = free.take(longest).collect();
        ensure!(letters.len() == longest, "too many axes");
        Ok(Self(letters))
    }

    /// The letters of a term of `rank` axes, or of all that `...` stands for.
    fn expand(&self, term: &str, rank: usize) -> TractResult<String> {
        let named = term.replace("...", "");
        ensure!(named.chars().all(|c| c.is_ascii_alphabetic()), "{term} is not a list of axes");
        if named.len() == term.len() {
            ensure!(rank == usize::MAX || rank == named.len(), "{term} for {rank} axes");
            return Ok(named);
        }
        let open =
            rank.checked_sub(named.len()).with_context(|| format!("{term} for {rank} axes"))?;
        let letters: String = self.0[self.0.len() - open.min(self.0.len())..].iter().collect();
        Ok(term.replace("...", &letters))
    }
}

/// Without an output: the ellipsis, then the letters that are there once, in alphabetical order.
fn implicit(operands: &[Operand], ellipsis: &Ellipsis) -> String {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for letter in operands.iter().flat_map(|operand| operand.letters.chars()) {
        *counts.entry(letter).or_default() += 1;
    }
    let single =
        counts.into_iter().filter(|(letter, count)| *count == 1 && !ellipsis.0.contains(letter));
    ellipsis.0.iter().copied().chain(single.map(|(letter, _)| letter)).collect()
}
