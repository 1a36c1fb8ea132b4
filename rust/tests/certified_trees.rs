//! Random trees: what few bits say and what many bits say must agree, within the budget and without a panic.
#![allow(clippy::unwrap_used, missing_docs)]

use std::cmp::Ordering;

use pgkern::budget::Budget;
use pgkern::certified::{Point, Precision, Zero, evaluate, separation, zero_test};
use pgkern::expression::{Constant, Expression, Function};
use pgkern::number::rational::Rational;

/// A generator with a fixed seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn small(&mut self, sides: u64) -> i64 {
        i64::try_from(self.roll(sides)).unwrap() - i64::try_from(sides / 2).unwrap()
    }

    fn leaf(&mut self) -> Expression {
        match self.roll(12) {
            0 => Expression::Constant(Constant::Pi),
            1 => Expression::Constant(Constant::E),
            2 => Expression::Constant(Constant::ImaginaryUnit),
            3 | 4 => {
                let below = self.small(12).abs() + 1;
                Expression::Number(Rational::from(self.small(24)).over(&below.into()).unwrap())
            }
            5 => Expression::Number(Rational::from(self.small(1 << 30))),
            6 => Expression::Number(Rational::from(10).to_power(self.small(1_000)).unwrap().unwrap()),
            _ => Expression::Number(self.small(8).into()),
        }
    }

    /// Only of what has a separation bound.
    fn algebraic(&mut self, depth: u32) -> Expression {
        let choice = if depth == 0 { 9 + self.roll(3) } else { self.roll(12) };
        let mut inner = || Box::new(self.algebraic(depth - 1));
        match choice {
            0..=2 => Expression::Sum(vec![*inner(), *inner(), *inner()]),
            3 => Expression::Product(vec![*inner(), *inner()]),
            4 => Expression::Quotient(inner(), inner()),
            5 | 6 => Expression::Root(2, inner()),
            7 => Expression::Root(3, inner()),
            8 => Expression::Apply(Function::Abs, inner()),
            9 => {
                let function = [Function::Sin, Function::Cos, Function::Tan, Function::Sec]
                    [usize::try_from(self.roll(4)).unwrap()];
                let turn = Rational::from(self.small(12)).over(&self.small(24).abs().max(1).into()).unwrap();
                let angle = vec![Expression::Number(turn), Expression::Constant(Constant::Pi)];
                Expression::Apply(function, Box::new(Expression::Product(angle)))
            }
            10 if self.roll(6) == 0 => Expression::Constant(Constant::ImaginaryUnit),
            10 => {
                let below = self.small(12).abs() + 1;
                Expression::Number(Rational::from(self.small(24)).over(&below.into()).unwrap())
            }
            _ => Expression::Number(self.small(16).into()),
        }
    }

    fn tree(&mut self, depth: u32) -> Expression {
        use Function::{
            Abs, Arccos, Arcsin, Arctan, Ceiling, Cos, Cosh, Cot, Csc, Factorial, Floor, Ln, Sec, Sin, Sinh, Tan, Tanh,
        };
        const FUNCTIONS: [Function; 17] = [
            Abs, Arccos, Arcsin, Arctan, Ceiling, Cos, Cosh, Cot, Csc, Factorial, Floor, Ln, Sec, Sin, Sinh, Tan, Tanh,
        ];
        if depth == 0 {
            return self.leaf();
        }
        let choice = self.roll(14);
        let mut inner = || Box::new(self.tree(depth - 1));
        match choice {
            0..=2 => Expression::Sum(vec![*inner(), *inner(), *inner()]),
            3 | 4 => Expression::Product(vec![*inner(), *inner()]),
            5 | 6 => Expression::Quotient(inner(), inner()),
            7 => Expression::Power(inner(), inner()),
            8 | 9 => Expression::Root(2, inner()),
            10 => {
                let radicand = inner();
                Expression::Root([3, 4, 5, 11, 997][usize::try_from(self.roll(5)).unwrap()], radicand)
            }
            11 => Expression::Binomial(inner(), inner()),
            12 => {
                let argument = inner();
                Expression::Apply(FUNCTIONS[usize::try_from(self.roll(17)).unwrap()], argument)
            }
            _ => self.leaf(),
        }
    }
}

fn rounds() -> u32 {
    std::env::var("PGKERN_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2_000)
}

#[test]
fn few_bits_and_many_agree() {
    let mut dice = Dice(5);
    let mut compared = 0;
    for round in 0..rounds() {
        let depth = 1 + round % 5;
        let tree = dice.tree(depth);
        let point = Point::nowhere();
        let budget = Budget::for_one_check();
        let (Ok(few), Ok(many)) = (evaluate(&tree, &point, 40, &budget), evaluate(&tree, &point, 300, &budget)) else {
            continue;
        };
        compared += 1;
        let budget = Budget::of(1 << 30);
        let to = Precision { bits: 3_000, budget: &budget };
        for (few, many) in [(few.real(), many.real()), (few.imaginary(), many.imaginary())] {
            let distance = few.midpoint().minus(&many.midpoint(), to).unwrap();
            let allowed = few.radius().plus(many.radius());
            assert_ne!(distance.magnitude().compared(allowed.plus(distance.radius())), Ordering::Greater, "{tree}");
        }
        match zero_test(&tree, &point, &Budget::for_one_check()) {
            Ok(Zero::Yes) => assert!(many.contains_zero(), "{tree}"),
            Ok(Zero::No { sign }) => {
                assert!(sign.is_none() || many.sign().is_none_or(|many| Some(many) == sign), "{tree}");
            }
            _ => {}
        }
    }
    assert!(compared > rounds() / 4);
}

#[test]
fn no_tree_takes_long() {
    let mut dice = Dice(6);
    let mut slowest = std::time::Duration::ZERO;
    for _ in 0..rounds() / 4 {
        let tree = dice.tree(7);
        let started = std::time::Instant::now();
        let _ = zero_test(&tree, &Point::nowhere(), &Budget::for_one_check());
        slowest = slowest.max(started.elapsed());
    }
    assert!(slowest.as_millis() < 2_000, "{slowest:?}"); // unoptimised, on a busy machine
}

#[test]
fn no_algebraic_number_is_nearer_to_zero_than_its_bound() {
    let mut dice = Dice(8);
    let (mut bounded, mut zeros) = (0, 0);
    for round in 0..rounds() / 5 {
        let tree = dice.algebraic(1 + round % 4);
        let budget = Budget::of(1 << 22);
        let point = Point::nowhere();
        let Ok(value) = evaluate(&tree, &point, 40, &budget) else { continue };
        let (mantissa, exponent) = value.real().parts();
        let Some(scale) = Rational::from(2).to_power(exponent).ok().flatten() else { continue };
        let near = Rational::from(mantissa.clone()).times(&scale).negated();
        // As it is, and less the fraction nearest to it.
        for tree in [Expression::Sum(vec![tree.clone(), Expression::Number(near)]), tree] {
            let Ok(Some(bits)) = separation(&tree, &point, &budget) else { continue };
            let bits = i64::try_from(bits).unwrap();
            if bits > 1_000 {
                continue;
            }
            let Ok(value) = evaluate(&tree, &point, 1_200, &budget) else { continue };
            bounded += 1;
            let small = value.magnitude().is_below_power_of_two(-bits);
            if value.excludes_zero() {
                assert!(!small, "{tree} is no zero, but below 2^-{bits}");
            } else {
                zeros += 1;
                assert!(small, "{tree} is wide");
            }
        }
    }
    assert!(bounded > rounds() / 20 && zeros > 0, "{bounded} {zeros}");
}
