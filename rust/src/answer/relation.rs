//! Equations and inequalities.

use super::check::Check;
use super::compare::Comparison;
use super::split::outside;
use crate::budget::OverBudget;
use crate::equality::{self, Equality, Factor};
use crate::expression::Expression;
use crate::expression::parse::parse;
use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;
use crate::number::rational::Rational;

/// How the left side relates to the right. What is greater is written the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `=`.
    Equal,
    /// `≠`.
    NotEqual,
    /// `<`.
    Less,
    /// `≤`.
    AtMost,
}

/// `left kind right`.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// How the sides relate.
    pub kind: Kind,
    /// The left side.
    pub left: Expression,
    /// The right side.
    pub right: Expression,
}

impl Relation {
    /// `left - right`, which the relation compares with zero.
    #[must_use]
    pub fn difference(&self) -> Expression {
        let minus = Expression::Product(vec![Expression::Number(Rational::from(-1)), self.right.clone()]);
        Expression::Sum(vec![self.left.clone(), minus])
    }

    /// Whether two relations are the same up to a factor: of any sign for equations, a positive one for inequalities.
    pub(super) fn compare(&self, other: &Self, check: &Check<'_>) -> Result<Comparison, OverBudget> {
        if self.kind != other.kind {
            return Ok(Comparison::Different);
        }
        if equality::is_constant(&self.difference()) && equality::is_constant(&other.difference()) {
            return self.side_by_side(other, check);
        }
        let (one, other) = (self.difference(), other.difference());
        let proportional = match equality::proportional(&one, &other, check.budget)? {
            Equality::Equal => Comparison::Equal,
            Equality::Different => Comparison::Different,
            Equality::Undecided => Comparison::Undecided,
        };
        check.rule("relations up to a factor");
        if proportional != Comparison::Equal || matches!(self.kind, Kind::Equal | Kind::NotEqual) {
            return Ok(proportional);
        }
        Ok(match equality::factor(&one, &other, check.budget)? {
            Some(Factor::Positive) => Comparison::Equal,
            Some(Factor::Negative) => Comparison::Different,
            _ => Comparison::Undecided,
        })
    }

    /// Without a variable every relation is another's multiple: `\cos e = -0.9` and `\cos e = -1.9` are told by their sides.
    fn side_by_side(&self, other: &Self, check: &Check<'_>) -> Result<Comparison, OverBudget> {
        check.rule("relations of numbers, side by side");
        let same = |one: &Expression, other: &Expression| -> Result<bool, OverBudget> {
            Ok(equality::equal(one, other, check.budget)? == Equality::Equal)
        };
        let straight = same(&self.left, &other.left)? && same(&self.right, &other.right)?;
        let mirrored = matches!(self.kind, Kind::Equal | Kind::NotEqual)
            && same(&self.left, &other.right)?
            && same(&self.right, &other.left)?;
        Ok(if straight || mirrored { Comparison::Equal } else { Comparison::Undecided })
    }
}

/// A sign between two sides: its kind, and whether the left side is the greater.
pub(super) type Sign = (Kind, bool);

/// The sides and the signs between them; nothing where there is no sign. `a < b < c` has three sides.
pub(super) fn sides<'s, 'a>(span: &'s [Token<'a>]) -> Option<(Vec<&'s [Token<'a>]>, Vec<Sign>)> {
    let signs = outside(span, |token| {
        matches!(token, Token::Symbol('=' | '<' | '>' | '≈') | Token::Command("ne" | "le" | "ge" | "approx"))
    });
    let (mut sides, mut kinds) = (Vec::new(), Vec::new());
    let (mut begin, mut skip) = (0, None);
    for at in signs {
        if skip == Some(at) {
            continue;
        }
        let mut end = at;
        let equals = span.get(at + 1) == Some(&Token::Symbol('='));
        let sign = match span[at] {
            Token::Symbol('<') if equals => (Kind::AtMost, false),
            Token::Symbol('>') if equals => (Kind::AtMost, true),
            Token::Symbol('<') => (Kind::Less, false),
            Token::Symbol('>') => (Kind::Less, true),
            Token::Command("le") => (Kind::AtMost, false),
            Token::Command("ge") => (Kind::AtMost, true),
            Token::Command("ne") => (Kind::NotEqual, false),
            _ if at > 0 && matches!(span[at - 1], Token::Symbol('!') | Token::Command("not")) => {
                end = at - 1; // "!=", "\not="
                (Kind::NotEqual, false)
            }
            _ => (Kind::Equal, false),
        };
        if matches!(span[at], Token::Symbol('<' | '>')) && equals {
            skip = Some(at + 1);
        }
        sides.push(trimmed(&span[begin..end]));
        kinds.push(sign);
        begin = skip.filter(|skip| *skip == at + 1).unwrap_or(at) + 1;
    }
    sides.push(trimmed(&span[begin..]));
    (!kinds.is_empty() && kinds.len() <= 8 && sides.iter().all(|side| !side.is_empty())).then_some((sides, kinds))
}

/// Reads a chain of relations, one for each sign.
pub(super) fn relations(span: &[Token<'_>], check: &Check<'_>) -> Result<Option<Vec<Relation>>, OverBudget> {
    let Some((sides, signs)) = sides(span) else { return Ok(None) };
    let mut expressions = Vec::with_capacity(sides.len());
    for side in sides {
        check.spend(4 * side.len())?;
        let Some(expression) = parse(side, check.budget)? else { return Ok(None) };
        expressions.push(expression);
    }
    let pairs = expressions.windows(2).zip(signs);
    Ok(Some(
        pairs
            .map(|(pair, (kind, greater))| {
                let (left, right) = if greater { (&pair[1], &pair[0]) } else { (&pair[0], &pair[1]) };
                Relation { kind, left: left.clone(), right: right.clone() }
            })
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::{Kind, sides};
    use crate::latex::canonical::{answer_tokens, key};

    #[test]
    fn signs_and_sides() {
        for (text, left, right, kind, greater) in [
            ("x<=2", "x", "2", Kind::AtMost, false),
            ("x >= 2", "x", "2", Kind::AtMost, true),
            (r"x \geq 2", "x", "2", Kind::AtMost, true),
            ("x != 2", "x", "2", Kind::NotEqual, false),
            ("x > 2", "x", "2", Kind::Less, true),
            ("2x = 5", "2x", "5", Kind::Equal, false),
        ] {
            let all = answer_tokens(text);
            let (sides, signs) = sides(&all).expect(text);
            let keys: Vec<String> = sides.iter().map(|side| key(side)).collect();
            assert_eq!((keys, signs), (vec![left.to_owned(), right.to_owned()], vec![(kind, greater)]), "{text}");
        }
        assert!(sides(&answer_tokens("x + 1")).is_none());
        assert!(sides(&answer_tokens("x <")).is_none());
    }
}
