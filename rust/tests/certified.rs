//! Certified values against dashu-float's correctly rounded ones, and the zero test on constants that tell.
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(clippy::many_single_char_names)]

use std::cmp::Ordering;

use pgkern::budget::Budget;
use pgkern::certified::{Ball, Failure, Point, Zero, evaluate, zero_test};
use pgkern::expression::{Constant, Expression, Function};
use pgkern::number::rational::Rational;

fn n(integer: i64) -> Expression {
    Expression::Number(integer.into())
}
fn q(above: i64, below: i64) -> Expression {
    Expression::Number(Rational::from(above).over(&below.into()).unwrap())
}
fn sum<const N: usize>(terms: [Expression; N]) -> Expression {
    Expression::Sum(terms.into())
}
fn product<const N: usize>(factors: [Expression; N]) -> Expression {
    Expression::Product(factors.into())
}
fn minus(left: Expression, right: Expression) -> Expression {
    sum([left, product([n(-1), right])])
}
fn over(above: Expression, below: Expression) -> Expression {
    Expression::Quotient(above.into(), below.into())
}
fn power(base: Expression, exponent: Expression) -> Expression {
    Expression::Power(base.into(), exponent.into())
}
fn root(degree: u32, radicand: Expression) -> Expression {
    Expression::Root(degree, radicand.into())
}
fn sqrt(radicand: Expression) -> Expression {
    root(2, radicand)
}
fn apply(function: Function, argument: Expression) -> Expression {
    Expression::Apply(function, argument.into())
}
fn pi() -> Expression {
    Expression::Constant(Constant::Pi)
}
fn i() -> Expression {
    Expression::Constant(Constant::ImaginaryUnit)
}
fn e() -> Expression {
    Expression::Constant(Constant::E)
}
fn turn(above: i64, below: i64) -> Expression {
    product([q(above, below), pi()])
}

fn test(expression: &Expression) -> Result<Zero, Failure> {
    zero_test(expression, &Point::nowhere(), &Budget::for_one_check())
}

const ABOVE: Result<Zero, Failure> = Ok(Zero::No { sign: Some(Ordering::Greater) });
const BELOW: Result<Zero, Failure> = Ok(Zero::No { sign: Some(Ordering::Less) });
const YES: Result<Zero, Failure> = Ok(Zero::Yes);

#[test]
fn identities_between_algebraic_numbers_are_proven() {
    use Function::{Abs, Cos, Floor, Sin, Tan};
    let golden = || over(sum([n(1), sqrt(n(5))]), n(2));
    for (name, zero) in [
        ("√(3+2√2)", minus(sqrt(sum([n(3), product([n(2), sqrt(n(2))])])), sum([n(1), sqrt(n(2))]))),
        ("√2+√3", minus(sum([sqrt(n(2)), sqrt(n(3))]), sqrt(sum([n(5), product([n(2), sqrt(n(6))])])))),
        ("∛(2+√5)", sum([root(3, sum([n(2), sqrt(n(5))])), root(3, minus(n(2), sqrt(n(5)))), n(-1)])),
        (
            "cos π/7",
            sum([apply(Cos, turn(1, 7)), product([n(-1), apply(Cos, turn(2, 7))]), apply(Cos, turn(3, 7)), q(-1, 2)]),
        ),
        ("sin π/10", minus(apply(Sin, turn(1, 10)), over(minus(sqrt(n(5)), n(1)), n(4)))),
        ("tan π/8", minus(apply(Tan, turn(1, 8)), minus(sqrt(n(2)), n(1)))),
        ("sin π/12", minus(apply(Sin, turn(1, 12)), over(minus(sqrt(n(6)), sqrt(n(2))), n(4)))),
        ("φ² = φ + 1", minus(power(golden(), n(2)), sum([golden(), n(1)]))),
        ("1/φ = φ - 1", minus(over(n(1), golden()), minus(golden(), n(1)))),
        ("∛-8", sum([root(3, n(-8)), n(2)])),
        ("8^(2/3)", minus(power(n(8), q(2, 3)), n(4))),
        ("2^(1/2)", minus(power(n(2), q(1, 2)), sqrt(n(2)))),
        ("√-2", minus(sqrt(n(-2)), product([i(), sqrt(n(2))]))),
        ("(1+i)⁸", minus(power(sum([n(1), i()]), n(8)), n(16))),
        ("√i", minus(sqrt(i()), over(sum([n(1), i()]), sqrt(n(2))))),
        ("√(3+4i)", minus(sqrt(sum([n(3), product([n(4), i()])])), sum([n(2), i()]))),
        ("e^iπ", sum([power(e(), product([i(), pi()])), n(1)])),
        (
            "e^(iπ/3)",
            minus(power(e(), product([i(), turn(1, 3)])), over(sum([n(1), product([i(), sqrt(n(3))])]), n(2))),
        ),
        ("ω³", minus(power(over(sum([n(-1), product([i(), sqrt(n(3))])]), n(2)), n(3)), n(1))),
        ("|1-√2|", minus(apply(Abs, minus(n(1), sqrt(n(2)))), minus(sqrt(n(2)), n(1)))),
        ("|3+4i|", minus(apply(Abs, sum([n(3), product([n(4), i()])])), n(5))),
        ("⌊100π⌋", minus(apply(Floor, product([n(100), pi()])), n(314))),
        ("⌊√2·√2⌋", minus(apply(Floor, product([sqrt(n(2)), sqrt(n(2))])), n(2))),
        ("⌊(√2+√3)²-2√6⌋", {
            let square = power(sum([sqrt(n(2)), sqrt(n(3))]), n(2));
            minus(apply(Floor, minus(square, product([n(2), sqrt(n(6))]))), n(5))
        }),
        ("π/π", minus(over(pi(), product([n(2), pi()])), q(1, 2))),
        ("sin(arcsin 1/2)", minus(apply(Function::Arcsin, q(1, 2)), turn(1, 6))),
        ("5!", minus(apply(Function::Factorial, n(5)), n(120))),
        ("C(10,3)", minus(Expression::Binomial(n(10).into(), n(3).into()), n(120))),
        ("2 · 2^-99", minus(product([n(2), power(n(2), n(-99))]), power(n(2), n(-98)))),
        ("0 under a root", sqrt(minus(sqrt(sum([n(3), product([n(2), sqrt(n(2))])])), sum([n(1), sqrt(n(2))])))),
    ] {
        assert_eq!(test(&zero), YES, "{name}");
    }
}

#[test]
fn what_is_nearly_zero_is_told_from_it() {
    let huge = || power(n(10), n(40));
    for (name, expression, sign) in [
        ("1/2^99 - 1/2^98", minus(power(n(2), n(-99)), power(n(2), n(-98))), BELOW),
        ("355/113", minus(pi(), q(355, 113)), BELOW),
        ("√(10^40 + 1)", minus(sqrt(sum([huge(), n(1)])), power(n(10), n(20))), ABOVE),
        ("e^(π√163)", minus(power(e(), product([pi(), sqrt(n(163))])), n(262_537_412_640_768_744)), BELOW),
        ("10^-500", power(n(10), n(-500)), ABOVE),
        ("e^(10^-500) - 1", minus(power(e(), power(n(10), n(-500))), n(1)), ABOVE),
        ("sin 10^-400", apply(Function::Sin, power(n(10), n(-400))), ABOVE),
        ("9^9^9", power(n(9), power(n(9), n(9))), ABOVE),
        ("10^-10^9", power(n(10), product([n(-1), power(n(10), n(9))])), ABOVE),
        ("(1 + 1/10^9)^(10^9) - e", minus(power(sum([n(1), power(n(10), n(-9))]), power(n(10), n(9))), e()), BELOW),
        ("e^-1000", power(e(), n(-1000)), ABOVE),
        ("(-2)^(1/3)", power(n(-2), q(1, 3)), BELOW),
        ("(-2)^(2/3)", power(n(-2), q(2, 3)), ABOVE),
        (
            "1000! - 1001!/1000",
            {
                let factorial = |of: i64| apply(Function::Factorial, n(of));
                minus(factorial(1000), over(factorial(1001), n(1000)))
            },
            BELOW,
        ),
        (
            "√2 + √3 - 3.1462643699419723423291350657155704455124",
            {
                let close = Rational::from_decimal("3", "1462643699419723423291350657155704455124", 0).unwrap();
                minus(sum([sqrt(n(2)), sqrt(n(3))]), Expression::Number(close))
            },
            ABOVE,
        ),
        ("i", i(), Ok(Zero::No { sign: None })),
    ] {
        assert_eq!(test(&expression), sign, "{name}");
    }
}

#[test]
fn what_has_no_value_says_so() {
    use Function::{Arccos, Cot, Factorial, Ln, Tan};
    for (name, expression, failure) in [
        ("1/0", over(n(1), n(0)), Failure::Undefined),
        ("1/(√2² - 2)", over(n(1), minus(product([sqrt(n(2)), sqrt(n(2))]), n(2))), Failure::Undefined),
        ("0^0", power(n(0), n(0)), Failure::Undefined),
        ("0^-1", power(n(0), n(-1)), Failure::Undefined),
        ("ln 0", apply(Ln, n(0)), Failure::Undefined),
        ("tan π/2", apply(Tan, turn(1, 2)), Failure::Undefined),
        ("cot 3π", apply(Cot, turn(3, 1)), Failure::Undefined),
        ("(-1)!", apply(Factorial, n(-1)), Failure::Undefined),
        ("(1/2)!", apply(Factorial, q(1, 2)), Failure::Undefined),
        ("99999999!", apply(Factorial, n(99_999_999)), Failure::OverBudget),
        ("9^9^9^9", power(n(9), power(n(9), power(n(9), n(9)))), Failure::OverBudget),
        ("arccos 2", apply(Arccos, n(2)), Failure::Unsupported),
        ("x", Expression::Variable("x".to_owned()), Failure::Unsupported),
        ("f(1)", Expression::Call("f".to_owned(), vec![n(1)]), Failure::Unsupported),
    ] {
        assert_eq!(test(&expression), Err(failure), "{name}");
    }
}

#[test]
fn nothing_takes_long() {
    let nested_roots = (0..60).fold(n(2), |inner, k| sqrt(sum([n(k + 2), inner])));
    let zero_of_roots = minus(nested_roots.clone(), nested_roots.clone());
    let nested_fractions = (0..90).fold(sqrt(n(2)), |inner, k| over(n(k + 1), sum([n(1), inner])));
    let logarithms = minus(apply(Function::Ln, n(8)), product([n(3), apply(Function::Ln, n(2))]));
    let tower = (0..90).fold(n(2), |inner, _| power(n(2), inner));
    let floors =
        (0..90).fold(sqrt(n(2)), |inner, _| apply(Function::Floor, sum([product([sqrt(n(2)), sqrt(n(2))]), inner])));
    let many = Expression::Sum((2..20_000).map(|k| sqrt(n(k))).collect());
    for expression in [nested_roots, zero_of_roots, nested_fractions, logarithms, tower, floors, many] {
        let budget = Budget::for_one_check();
        let _ = zero_test(&expression, &Point::nowhere(), &budget);
        assert!(budget.spent() <= pgkern::budget::UNITS_PER_CHECK);
    }
}

/// A generator with a fixed seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % sides
    }
    fn fraction(&mut self) -> Expression {
        q(self.roll(20_001) - 10_000, self.roll(1_000) + 1)
    }
}

#[test]
fn algebraic_identities_hold_at_random_points() {
    let mut dice = Dice(7);
    for _ in 0..60 {
        let (a, b) = (dice.roll(500) + 2, dice.roll(500) + 2);
        let (x, y) = (sqrt(n(a)), sqrt(n(b)));
        let identities = [
            minus(product([sum([x.clone(), y.clone()]), minus(x.clone(), y.clone())]), n(a - b)),
            minus(product([x.clone(), y.clone()]), sqrt(n(a * b))),
            minus(power(sum([x.clone(), y.clone()]), n(2)), sum([n(a + b), product([n(2), sqrt(n(a * b))])])),
            minus(over(n(1), sum([x.clone(), n(b)])), over(minus(x.clone(), n(b)), n(a - b * b))),
        ];
        for identity in identities {
            if a != b * b {
                assert_eq!(test(&identity), YES, "{a} {b} {identity:?}");
            }
        }
    }
}

fn parts(ball: &Ball) -> (f64, f64) {
    ball.to_f64()
}

#[test]
fn values_are_what_the_standard_library_says() {
    use Function::{Arccos, Arcsin, Arctan, Cos, Cosh, Cot, Csc, Ln, Sec, Sin, Sinh, Tan, Tanh};
    let mut dice = Dice(11);
    let budget = Budget::of(1 << 40);
    for _ in 0..100 {
        let argument = dice.fraction();
        let Expression::Number(number) = &argument else { unreachable!() };
        let below: u64 = number.denominator().try_into().unwrap();
        #[allow(clippy::cast_precision_loss)]
        let x = i64::try_from(number.numerator()).unwrap() as f64 / below as f64;
        for (function, expected) in [
            (Sin, x.sin()),
            (Cos, x.cos()),
            (Tan, x.tan()),
            (Cot, 1.0 / x.tan()),
            (Sec, 1.0 / x.cos()),
            (Csc, 1.0 / x.sin()),
            (Arctan, x.atan()),
            (Arcsin, x.asin()),
            (Arccos, x.acos()),
            (Ln, x.ln()),
            (Sinh, x.sinh()),
            (Cosh, x.cosh()),
            (Tanh, x.tanh()),
        ] {
            if !expected.is_finite() || x.abs() < 1e-9 {
                continue;
            }
            let ball = evaluate(&apply(function, argument.clone()), &Point::nowhere(), 64, &budget).unwrap();
            let (value, imaginary) = parts(&ball);
            assert!((value - expected).abs() <= 1e-9 * expected.abs() + 1e-11, "{function:?} {x} {value} {expected}");
            assert!(imaginary.abs() < 1e-300, "{function:?} {x}");
        }
    }
}
