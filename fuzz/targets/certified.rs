//! Any expression at a point: its values at two precisions overlap, and it is not proven to differ from itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgkern::budget::{Budget, UNITS_PER_CHECK};
use pgkern::certified::{Point, Precision, Zero, evaluate, zero_test};
use pgkern::expression::Expression;
use pgkern::expression::parse::parse_text;
use pgkern::number::rational::Rational;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let budget = Budget::for_one_check();
    let Ok(Some(expression)) = parse_text(&text, &budget) else { return };
    let mut point = Point::nowhere();
    for (name, value) in [("x", 3), ("y", -2), ("n", 5), ("a", 1), ("b", -7), ("k", 4), ("z", 2), ("t", 11)] {
        point.set(name, Rational::from(value));
    }
    if let (Ok(rough), Ok(fine)) =
        (evaluate(&expression, &point, 64, &budget), evaluate(&expression, &point, 256, &budget))
    {
        let free = Budget::of(u64::MAX);
        let apart = rough.plus(&fine.clone().negated(), Precision { bits: 300, budget: &free });
        assert!(apart.is_ok_and(|apart| apart.contains_zero()), "{text:?}: {rough:?} and {fine:?}");
    }
    let minus_one = Expression::Number(Rational::from(-1));
    let negated = Expression::Product(vec![minus_one, expression.clone()]);
    let difference = Expression::Sum(vec![expression, negated]);
    let zero = zero_test(&difference, &point, &budget);
    assert!(!matches!(zero, Ok(Zero::No { .. })), "{text:?} differs from itself");
    assert!(budget.spent() <= UNITS_PER_CHECK);
});
