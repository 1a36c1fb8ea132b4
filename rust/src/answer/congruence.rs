//! Congruences: `x \equiv 3 \pmod{7}`, `3 mod 7`.

use super::check::Check;
use super::compare::Comparison;
use super::split::outside;
use super::value::{Value, same};
use crate::budget::OverBudget;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;
use crate::number::rational::Rational;
use crate::number::read::{Place, whole_number};

/// `left ≡ residue (mod modulus)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Congruence {
    /// What is congruent, in one spelling; nothing where it is not said.
    pub left: Option<String>,
    /// To what.
    pub residue: Value,
    /// Modulo what, above zero.
    pub modulus: Rational,
}

impl Congruence {
    /// Whether two congruences say the same.
    pub(super) fn compare(&self, other: &Self, check: &Check<'_>) -> Result<Comparison, OverBudget> {
        let unlike = |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
        if self.modulus != other.modulus || unlike(&self.left, &other.left) {
            return Ok(Comparison::Different);
        }
        check.rule("residues of one modulus");
        if let (Value::Exact(one), Value::Exact(other)) = (&self.residue, &other.residue) {
            let multiple = one.minus(other).over(&self.modulus);
            let congruent = multiple.is_some_and(|multiple| multiple.is_integer());
            return Ok(if congruent { Comparison::Equal } else { Comparison::Different });
        }
        same(&self.residue, &other.residue, check)
    }
}

/// Reads a congruence.
pub(super) fn congruence(span: &[Token<'_>], check: &Check<'_>) -> Result<Option<Congruence>, OverBudget> {
    let is_mod = |token: &Token<'_>| {
        matches!(token, Token::Command("pmod" | "mod" | "bmod") | Token::Letters { run: "mod" | "modulo", .. })
    };
    let Some(at) = span.iter().position(is_mod) else { return Ok(None) };
    let mut before = trimmed(&span[..at]);
    let mut after = trimmed(&span[at + 1..]);
    if let [outer @ .., Token::Symbol('(')] = before {
        let [inner @ .., Token::Symbol(')')] = after else { return Ok(None) };
        (before, after) = (trimmed(outer), trimmed(inner));
    }
    let Some(modulus) = whole_number(after, Place::Alone)?.filter(|modulus| !modulus.is_zero()) else {
        return Ok(None);
    };
    let sign = outside(before, |token| matches!(token, Token::Command("equiv") | Token::Symbol('≡' | '=')));
    let (left, right) = match sign.as_slice() {
        [] => (None, before),
        [at] => (Some(key(trimmed(&before[..*at]))).filter(|left| !left.is_empty()), trimmed(&before[at + 1..])),
        _ => return Ok(None),
    };
    let residue = Value::read(right, Place::Alone, check)?;
    Ok(residue.map(|residue| Congruence { left, residue, modulus: modulus.magnitude() }))
}
