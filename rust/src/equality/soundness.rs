//! Random pairs: what is called equal has no point that says otherwise, and what is called different has one.

use std::collections::BTreeSet;

use super::sample::{Seen, look};
use super::{Equality, equal, variables};
use crate::budget::Budget;
use crate::expression::{Constant, Expression, Function};
use crate::number::rational::Rational;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A tree of at most so many levels.
    fn expression(&mut self, levels: u32, variables: bool) -> Expression {
        let mut below = || Box::new(self.expression(levels - 1, variables));
        if levels == 0 {
            return self.leaf(variables);
        }
        let (one, other) = (below(), below());
        match self.below(16) {
            0..=2 => Expression::Sum(vec![*one, *other]),
            3..=5 => Expression::Product(vec![*one, *other]),
            6 => Expression::Quotient(one, other),
            7 => Expression::Power(one, Box::new(Expression::Number(Rational::from(2)))),
            8 => Expression::Power(one, Box::new(self.leaf(variables))),
            9 | 10 => Expression::Root(2, one),
            11 => Expression::Root(3, one),
            12 => Expression::Apply(Function::Abs, one),
            13 => Expression::Apply(Function::Ln, one),
            14 => Expression::Apply(if self.below(2) == 0 { Function::Sin } else { Function::Tan }, one),
            _ => self.leaf(variables),
        }
    }

    fn leaf(&mut self, variables: bool) -> Expression {
        match self.below(9) {
            0..=3 if variables => Expression::Variable(if self.below(2) == 0 { "x" } else { "y" }.to_owned()),
            4 if variables => Expression::Variable("x".to_owned()),
            0 => Expression::Constant(Constant::Pi),
            1 => Expression::Constant(Constant::E),
            2 if self.below(2) == 0 => Expression::Constant(Constant::ImaginaryUnit),
            _ => {
                let (above, below) = (self.below(9), 1 + self.below(4) / 3);
                let above = i64::try_from(above).unwrap_or(0) - 3;
                let number = Rational::from_integers(above.into(), below.into());
                Expression::Number(number.unwrap_or_else(|| Rational::from(1)))
            }
        }
    }
}

/// Sorts random expressions by what they are equal to, and looks at every verdict from another side.
fn hunt(seed: u64, groups: u64, levels: u32, with_variables: bool) -> (usize, Vec<String>) {
    let mut random = Random(seed);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for _ in 0..groups {
        let all: Vec<_> = (0..8).map(|_| random.expression(levels, with_variables)).collect();
        for (place, one) in all.iter().enumerate() {
            for other in &all[place + 1..] {
                let found = equal(one, other, &Budget::for_one_check());
                let backwards = equal(other, one, &Budget::for_one_check());
                let mut letters: BTreeSet<_> = variables(one);
                letters.extend(variables(other));
                let text = || format!("{one} against {other}: {found:?}, backwards {backwards:?}");
                if let (Ok(found), Ok(backwards)) = (found, backwards)
                    && found != backwards
                {
                    wrong.push(text());
                }
                let sighted = || look(one, other, &letters, false, &Budget::for_one_check());
                match found {
                    Ok(Equality::Equal) => {
                        count += 1;
                        if sighted() == Ok(Seen::Different) {
                            wrong.push(text());
                        }
                    }
                    Ok(Equality::Different) if random.below(4) == 0 && sighted() == Ok(Seen::Real) => {
                        wrong.push(text());
                    }
                    _ => {}
                }
            }
        }
    }
    (count, wrong)
}

#[test]
fn verdicts_hold_at_points() {
    let mut all_equal = 0;
    for (seed, levels, with_variables) in [(1, 1, true), (2, 2, true), (3, 2, false), (4, 3, true)] {
        let (count, wrong) = hunt(seed, 12, levels, with_variables);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        all_equal += count;
    }
    assert!(all_equal > 0);
}
