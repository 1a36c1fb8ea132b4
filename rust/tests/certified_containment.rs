//! Every ball must hold what dashu-float finds with many more bits, and be narrow.
#![allow(clippy::unwrap_used, missing_docs)]

use dashu_base::{Abs, BitTest};
use dashu_float::FBig;
use dashu_float::round::mode::HalfEven;
use dashu_int::IBig;
use pgkern::budget::Budget;
use pgkern::certified::{Point, evaluate};
use pgkern::expression::{Expression, Function};
use pgkern::number::rational::Rational;

type Float = FBig<HalfEven, 2>;

/// A generator with a fixed seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 20
    }
}

fn shifted(integer: &IBig, by: i64) -> IBig {
    let steps = usize::try_from(by.unsigned_abs()).unwrap();
    if by < 0 { integer >> steps } else { integer << steps }
}

/// `expression` to `bits`, against a value that is known to `bits + 64`.
fn holds(expression: &Expression, reference: &Float, bits: u32, name: &str) {
    let ball = evaluate(expression, &Point::nowhere(), bits, &Budget::of(1 << 40)).unwrap();
    assert!(ball.is_exactly_real(), "{name}");
    let (mantissa, exponent) = ball.real().parts();
    let (radius, radius_exponent) = ball.real().radius().parts();
    let (known, known_exponent) = (reference.repr().significand(), reference.repr().exponent() as i64);
    // All three at one exponent, below the least of them.
    let least = exponent.min(radius_exponent).min(known_exponent);
    let at = |integer: &IBig, of: i64| shifted(integer, of - least);
    let distance = (at(mantissa, exponent) - at(known, known_exponent)).abs();
    let slack = at(known, known_exponent).abs() >> usize::try_from(bits + 60).unwrap();
    let radius = at(&radius, radius_exponent);
    assert!(distance <= &radius + &slack + IBig::ONE, "{name} to {bits} bits: {}", ball.real().to_f64());
    let size = at(known, known_exponent).bit_len();
    assert!(
        radius.is_zero() || radius.bit_len() + usize::try_from(bits).unwrap() <= size + 6,
        "{name} to {bits} bits is wide"
    );
}

fn over(above: i64, scale: i64) -> Rational {
    let (above, steps) = (IBig::from(above), usize::try_from(scale.unsigned_abs()).unwrap());
    let below = IBig::ONE << steps;
    Rational::from_integers(above, below).unwrap()
}

#[test]
fn functions_at_random_points_and_precisions() {
    use Function::{Arctan, Cos, Cosh, Ln, Sin, Sinh, Tan, Tanh};
    let mut dice = Dice(3);
    for round in 0..60 {
        let bits = [32, 64, 100, 128, 200, 500][round % 6];
        let scale = i64::try_from(dice.roll() % 40).unwrap();
        let above = i64::try_from(dice.roll() % (1 << (scale + 5).min(30))).unwrap() + 1;
        let argument = over(above, scale);
        let precision = usize::try_from(bits).unwrap() + 80;
        let x = Float::from_parts(IBig::from(above), isize::try_from(-scale).unwrap());
        let x = x.with_precision(precision).value();
        let at = |function, negative: bool| {
            let argument = if negative { argument.clone().negated() } else { argument.clone() };
            Expression::Apply(function, Box::new(Expression::Number(argument)))
        };
        let name = |function: &str| format!("{function} {above}/2^{scale}");
        if x != Float::ONE {
            holds(&at(Ln, false), &x.ln(), bits, &name("ln"));
        }
        holds(&at(Sin, false), &x.sin(), bits, &name("sin"));
        holds(&at(Sin, true), &-x.sin(), bits, &name("-sin"));
        holds(&at(Cos, true), &x.cos(), bits, &name("cos"));
        holds(&at(Tan, false), &x.tan(), bits, &name("tan"));
        holds(&at(Arctan, true), &-x.atan(), bits, &name("arctan"));
        holds(&at(Cosh, false), &x.cosh(), bits, &name("cosh"));
        let number = || Box::new(Expression::Number(argument.clone()));
        let e = || Box::new(Expression::Constant(pgkern::expression::Constant::E));
        holds(&Expression::Power(e(), number()), &x.exp(), bits, &name("exp"));
        holds(&Expression::Root(2, number()), &x.sqrt(), bits, &name("sqrt"));
        holds(&Expression::Root(3, number()), &x.nth_root(3), bits, &name("cbrt"));
        holds(&Expression::Root(11, number()), &x.nth_root(11), bits, &name("11th root"));
        if above >> scale > 0 {
            holds(&at(Sinh, true), &-x.sinh(), bits, &name("sinh"));
            holds(&at(Tanh, false), &x.tanh(), bits, &name("tanh"));
        } else {
            holds(&at(Function::Arcsin, false), &x.asin(), bits, &name("arcsin"));
        }
    }
}
