//! How near to zero an algebraic number can be without being zero.
//!
//! Every such number is a quotient n / m of algebraic integers of one field. With u and l bounds of n and m and of all
//! their conjugates, and D a bound of the field's degree, n is zero or |n| ≥ u^(1 - D), since the product of its
//! conjugates is a whole number; so the number is zero or at least u^(1 - D) / l. (Burnikel, Funke, Mehlhorn, Schirra,
//! Schmitt: A Separation Bound for Real Algebraic Expressions, ESA 2001.)

use dashu_base::BitTest;
use dashu_int::{IBig, UBig};

use super::evaluate::Evaluation;
use super::exact::Exact;
use super::{Failure, Point};
use crate::budget::{Budget, OverBudget};
use crate::expression::{Constant, Expression, Function};
use crate::number::rational::Rational;

/// Logarithms to base 2 are kept in this many parts of one, rounded up.
const ONE: u64 = 1_024;

/// Bits at which a subexpression is looked at.
const PROBE_BITS: i64 = 64;

/// The `k` such that a value of `expression` below `2^-k` is zero; nothing where it is not known to be algebraic.
///
/// # Errors
/// Over budget.
pub fn separation(expression: &Expression, point: &Point, budget: &Budget) -> Result<Option<u64>, OverBudget> {
    let evaluation = Evaluation::new(point, PROBE_BITS, budget);
    let mut field = Field { evaluation, radicals: Vec::new(), roots_of_unity: 1, has_i: false };
    let Some(size) = field.size(expression)?.and_then(|size| field.bounded(size)) else { return Ok(None) };
    let Some(degree) = field.degree() else { return Ok(None) };
    let bits = size.above.saturating_mul(degree - 1).saturating_add(size.below);
    Ok(Some(bits / ONE + 2))
}

/// Bounds of the logarithms of the two algebraic integers that a number is the quotient of, none below zero.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    above: u64,
    below: u64,
}

#[derive(Debug, Clone)]
enum Size {
    Exact(Exact),
    Bounds(Bounds),
}

/// The field that has been built so far: radicals and roots of unity adjoined to the fractions.
struct Field<'p, 'e> {
    evaluation: Evaluation<'p>,
    radicals: Vec<(u32, &'e Expression)>,
    /// All roots of unity are powers of one of this order.
    roots_of_unity: u64,
    /// Whether not only the real numbers among their sums are needed.
    has_i: bool,
}

impl<'e> Field<'_, 'e> {
    fn degree(&self) -> Option<u64> {
        let order = if self.has_i { least_common_multiple(self.roots_of_unity, 4)? } else { self.roots_of_unity };
        let cyclotomic = totient(order);
        let mut degree = if self.has_i || order < 3 { cyclotomic } else { cyclotomic / 2 };
        for (root, _) in &self.radicals {
            degree = degree.saturating_mul(u64::from(*root));
        }
        Some(degree)
    }

    /// Bounds of a number, with i in the field where it has that factor; nothing for a fraction of π.
    fn bounded(&mut self, size: Size) -> Option<Bounds> {
        match size {
            Size::Bounds(bounds) => Some(bounds),
            Size::Exact(exact) if exact.pi && !exact.is_zero() => None,
            Size::Exact(exact) => {
                self.has_i |= exact.i;
                Some(Bounds {
                    above: logarithm(exact.factor.numerator()),
                    below: logarithm(&IBig::from(exact.factor.denominator().clone())),
                })
            }
        }
    }

    fn size(&mut self, expression: &'e Expression) -> Result<Option<Size>, OverBudget> {
        self.evaluation.to.budget.spend(8)?;
        Ok(match expression {
            Expression::Number(number) => Some(Size::Exact(number.clone().into())),
            Expression::Constant(Constant::Pi) => Some(Size::Exact(Exact::of_pi(1.into()))),
            Expression::Constant(Constant::ImaginaryUnit) => Some(Size::Exact(Exact::of_i(1.into()))),
            Expression::Constant(Constant::E) | Expression::Call(..) => None,
            Expression::Variable(name) => {
                self.evaluation.point.get(name).map(|value| Size::Exact(value.clone().into()))
            }
            Expression::Sum(terms) => self.sum(terms)?,
            Expression::Product(factors) => self.product(factors)?,
            Expression::Quotient(above, below) => self.quotient(above, below)?,
            Expression::Power(base, exponent) => self.power(base, exponent)?,
            Expression::Root(degree, radicand) => self.root(*degree, radicand)?.map(Size::Bounds),
            Expression::Apply(function, argument) => self.function(*function, argument, expression)?,
            Expression::Binomial(..) => self.exact_value(expression)?,
        })
    }

    fn sum(&mut self, terms: &'e [Expression]) -> Result<Option<Size>, OverBudget> {
        let mut exact = Exact::from(0);
        let mut rest: Option<Bounds> = None;
        for term in terms {
            let Some(size) = self.size(term)? else { return Ok(None) };
            if let Size::Exact(term) = &size
                && let Some(sum) = exact.plus(term, self.evaluation.to.budget)?
            {
                exact = sum;
                continue;
            }
            let Some(bounds) = self.bounded(size) else { return Ok(None) };
            rest = Some(rest.map_or(bounds, |rest| rest.plus(bounds)));
        }
        let Some(rest) = rest else { return Ok(Some(Size::Exact(exact))) };
        if exact.is_zero() {
            return Ok(Some(Size::Bounds(rest)));
        }
        Ok(self.bounded(Size::Exact(exact)).map(|exact| Size::Bounds(rest.plus(exact))))
    }

    fn product(&mut self, factors: &'e [Expression]) -> Result<Option<Size>, OverBudget> {
        let mut exact = Exact::from(1);
        let mut rest: Option<Bounds> = None;
        for factor in factors {
            let Some(size) = self.size(factor)? else { return Ok(None) };
            if let Size::Exact(factor) = &size
                && let Some(product) = exact.times(factor, self.evaluation.to.budget)?
            {
                exact = product;
                continue;
            }
            let Some(bounds) = self.bounded(size) else { return Ok(None) };
            rest = Some(rest.map_or(bounds, |rest| rest.times(bounds)));
        }
        let Some(rest) = rest else { return Ok(Some(Size::Exact(exact))) };
        Ok(self.bounded(Size::Exact(exact)).map(|exact| Size::Bounds(rest.times(exact))))
    }

    fn quotient(&mut self, above: &'e Expression, below: &'e Expression) -> Result<Option<Size>, OverBudget> {
        let (Some(above), Some(below)) = (self.size(above)?, self.size(below)?) else { return Ok(None) };
        if let (Size::Exact(above), Size::Exact(below)) = (&above, &below) {
            match above.over(below, self.evaluation.to.budget) {
                Ok(Some(quotient)) => return Ok(Some(Size::Exact(quotient))),
                Ok(None) => {}
                Err(Failure::OverBudget) => return Err(OverBudget),
                Err(_) => return Ok(None),
            }
        }
        let (Some(above), Some(below)) = (self.bounded(above), self.bounded(below)) else { return Ok(None) };
        Ok(Some(Size::Bounds(above.times(below.inverted()))))
    }

    fn power(&mut self, base: &'e Expression, exponent: &'e Expression) -> Result<Option<Size>, OverBudget> {
        let Some(Size::Exact(exponent)) = self.size(exponent)? else { return Ok(None) };
        if *base == Expression::Constant(Constant::E) {
            if !(exponent.pi && exponent.i) {
                return Ok(None);
            }
            self.has_i = true;
            return Ok(self.adjoin_unity(&exponent.factor).then_some(Size::Bounds(Bounds { above: 0, below: 0 })));
        }
        let Some(exponent) = exponent.rational().cloned() else { return Ok(None) };
        let (Some(times), Ok(degree)) =
            (Rational::from(exponent.numerator().clone()).to_i64(), u32::try_from(exponent.denominator()))
        else {
            return Ok(None);
        };
        if degree == 1 {
            let Some(size) = self.size(base)? else { return Ok(None) };
            if let Size::Exact(exact) = &size
                && let Some(power) = exact.power(times, self.evaluation.to.budget)?
            {
                return Ok(Some(Size::Exact(power)));
            }
            return Ok(self.bounded(size).map(|bounds| Size::Bounds(bounds.power(times))));
        }
        Ok(self.root(degree, base)?.map(|bounds| Size::Bounds(bounds.power(times))))
    }

    fn root(&mut self, degree: u32, radicand: &'e Expression) -> Result<Option<Bounds>, OverBudget> {
        let Some(size) = self.size(radicand)? else { return Ok(None) };
        if let Size::Exact(exact) = &size
            && let Some(fraction) = exact.rational()
            && let Some(root) = Exact::root(fraction, degree, self.evaluation.to.budget)?
        {
            return Ok(self.bounded(Size::Exact(root.into())));
        }
        let Some(bounds) = self.bounded(size) else { return Ok(None) };
        self.evaluation.to.budget.spend(radicand.nodes() * (1 + self.radicals.len() as u64))?;
        if !self.radicals.iter().any(|(known, of)| *known == degree && *of == radicand) {
            self.radicals.push((degree, radicand));
        }
        Ok(Some(bounds.root(u64::from(degree))))
    }

    fn function(
        &mut self,
        function: Function,
        argument: &'e Expression,
        whole: &'e Expression,
    ) -> Result<Option<Size>, OverBudget> {
        match function {
            Function::Sin | Function::Cos | Function::Tan | Function::Cot | Function::Sec | Function::Csc => {
                let Some(Size::Exact(angle)) = self.size(argument)? else { return Ok(None) };
                let Some(turn) = angle.multiple_of_pi().cloned() else { return Ok(None) };
                // 2 cos(π turn) and 2 sin(π turn) = 2 cos(π (1/2 - turn)) are algebraic integers, no conjugate beyond 2.
                let other = Rational::from(1).over(&Rational::from(2)).unwrap_or_else(|| 0.into()).minus(&turn);
                let known = match function {
                    Function::Sin | Function::Csc => self.adjoin_unity(&other),
                    Function::Cos | Function::Sec => self.adjoin_unity(&turn),
                    _ => self.adjoin_unity(&turn) && self.adjoin_unity(&other),
                };
                Ok(known.then_some(Size::Bounds(Bounds { above: ONE, below: ONE })))
            }
            Function::Abs => {
                let Some(size) = self.size(argument)? else { return Ok(None) };
                // Of a real number it is the number or its negative.
                match self.evaluation.value(argument).and_then(|value| Ok(value.ball(self.evaluation.to)?)) {
                    Ok(ball) if ball.is_exactly_real() => Ok(self.bounded(size).map(Size::Bounds)),
                    Err(Failure::OverBudget) => Err(OverBudget),
                    _ => Ok(None),
                }
            }
            Function::Floor
            | Function::Ceiling
            | Function::Factorial
            | Function::Ln
            | Function::Arcsin
            | Function::Arccos
            | Function::Arctan => self.exact_value(whole),
            Function::Sinh | Function::Cosh | Function::Tanh => Ok(None),
        }
    }

    /// What is known exactly: ⌊π⌋, 5!, arcsin 1.
    fn exact_value(&self, expression: &Expression) -> Result<Option<Size>, OverBudget> {
        match self.evaluation.value(expression) {
            Ok(value) => Ok(value.exact().cloned().map(Size::Exact)),
            Err(Failure::OverBudget) => Err(OverBudget),
            Err(_) => Ok(None),
        }
    }

    /// Makes `e^(i π turn)` a power of the root of unity; whether its order is small enough.
    fn adjoin_unity(&mut self, turn: &Rational) -> bool {
        let order = turn.over(&Rational::from(2)).and_then(|half| u64::try_from(half.denominator()).ok());
        let Some(order) = order.and_then(|order| least_common_multiple(self.roots_of_unity, order)) else {
            return false;
        };
        self.roots_of_unity = order;
        order < 1 << 20
    }
}

impl Bounds {
    fn plus(self, other: Self) -> Self {
        let (left, right) = (self.above.saturating_add(other.below), other.above.saturating_add(self.below));
        Self { above: logarithm_of_sum(left, right), below: self.below.saturating_add(other.below) }
    }

    fn times(self, other: Self) -> Self {
        Self { above: self.above.saturating_add(other.above), below: self.below.saturating_add(other.below) }
    }

    fn inverted(self) -> Self {
        Self { above: self.below, below: self.above }
    }

    fn power(self, exponent: i64) -> Self {
        let times = exponent.unsigned_abs();
        let power = Self { above: self.above.saturating_mul(times), below: self.below.saturating_mul(times) };
        if exponent < 0 { power.inverted() } else { power }
    }

    /// The root of n/m is that of n m^(k-1) over m, or n over that of n^(k-1) m.
    fn root(self, degree: u64) -> Self {
        let mixed = |one: u64, other: u64| one.saturating_add(other.saturating_mul(degree - 1)).div_ceil(degree);
        if self.above >= self.below {
            Self { above: mixed(self.above, self.below), below: self.below }
        } else {
            Self { above: self.above, below: mixed(self.below, self.above) }
        }
    }
}

/// At least the logarithm of an integer without its sign; zero for zero.
fn logarithm(integer: &IBig) -> u64 {
    let length = integer.bit_len();
    if length < 2 {
        return 0;
    }
    // The leading 31 bits, rounded up, as a number from 1 to 2; each squaring gives a bit of its logarithm.
    let dropped = length.saturating_sub(31);
    let (_, words) = integer.as_sign_words();
    let leading = (UBig::from_words(words) >> dropped) << 31_usize.saturating_sub(length);
    let mut leading = u64::try_from(leading).unwrap_or(u64::MAX >> 33) + 1;
    let mut fraction = 0;
    for place in (0..10).rev() {
        leading = (leading * leading).div_ceil(1 << 30);
        if leading >= 1 << 31 {
            fraction |= 1 << place;
            leading = leading.div_ceil(2);
        }
    }
    (length as u64 - 1) * ONE + fraction + 1
}

/// At least the logarithm of the sum of two numbers, from theirs: chords of log₂(1 + 2^-d), which is convex.
fn logarithm_of_sum(left: u64, right: u64) -> u64 {
    const AT_WHOLE_DIFFERENCES: [u64; 12] = [1_024, 600, 330, 175, 90, 46, 23, 12, 6, 3, 2, 1];
    let (large, small) = (left.max(right), left.min(right));
    let (whole, part) = ((large - small) / ONE, (large - small) % ONE);
    let at = |whole: u64| {
        usize::try_from(whole).ok().and_then(|whole| AT_WHOLE_DIFFERENCES.get(whole)).copied().unwrap_or(1)
    };
    large.saturating_add((at(whole) * (ONE - part) + at(whole.saturating_add(1)) * part).div_ceil(ONE))
}

fn least_common_multiple(left: u64, right: u64) -> Option<u64> {
    let (mut a, mut b) = (left, right);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    (left / a.max(1)).checked_mul(right).filter(|&multiple| multiple < 1 << 32)
}

/// How many of the numbers up to `order` share no factor with it.
fn totient(order: u64) -> u64 {
    let (mut rest, mut totient) = (order, order);
    let mut prime = 2;
    while prime * prime <= rest {
        if rest % prime == 0 {
            totient -= totient / prime;
            while rest % prime == 0 {
                rest /= prime;
            }
        }
        prime += 1;
    }
    if rest > 1 { totient - totient / rest } else { totient }
}

#[cfg(test)]
mod tests {
    use super::{IBig, ONE, least_common_multiple, logarithm, logarithm_of_sum, totient};

    #[test]
    fn logarithms_are_rounded_up_by_little() {
        for (integer, exact) in [(1_i64, 0.0_f64), (2, 1.0), (3, 1.584_963), (10, 3.321_929), (-1023, 9.998_591)] {
            #[allow(clippy::cast_precision_loss)]
            let bound = logarithm(&IBig::from(integer)) as f64 / ONE as f64;
            assert!(bound >= exact && bound < exact + 0.003, "{integer} {bound}");
        }
        assert_eq!(logarithm(&IBig::from(0)), 0);
        assert!(logarithm(&(IBig::from(1) << 4_000)) >= 4_000 * ONE);
        assert!(logarithm(&((IBig::from(1) << 4_000) - IBig::from(1))) >= 4_000 * ONE);
    }

    #[test]
    fn sums_of_powers_of_two() {
        for (left, right, exact) in [(0, 0, 1.0_f64), (1024, 0, 1.584_963), (5120, 0, 5.044_4)] {
            #[allow(clippy::cast_precision_loss)]
            let bound = logarithm_of_sum(left, right) as f64 / ONE as f64;
            assert!(bound >= exact && bound < exact + 0.003, "{left} {right} {bound}");
        }
        assert_eq!(logarithm_of_sum(u64::MAX, 0), u64::MAX);
    }

    #[test]
    fn orders() {
        assert_eq!([1, 2, 3, 4, 12, 28, 97, 1024].map(totient), [1, 1, 2, 2, 4, 12, 96, 512]);
        assert_eq!(least_common_multiple(12, 8), Some(24));
        assert_eq!(least_common_multiple(1 << 31, 3), None);
    }
}
