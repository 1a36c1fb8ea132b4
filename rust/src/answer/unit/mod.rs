//! What a number counts: money, percent, a measure, or a noun.

mod measures;
mod nouns;
mod reader;

pub use measures::{Dimension, Measure, cents, currency_measure};
pub use reader::{Found, unit};

use crate::latex::tokens::Token;

/// The unit of a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A bare number.
    None,
    /// `%`.
    Percent,
    /// What can be converted: `cm`, `km/h`, `$`, `°`.
    Measure(Measure),
    /// A temperature on a scale with its own zero.
    Temperature(Scale),
    /// Anything else, in one spelling.
    Named(String),
}

/// The scales of temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// °C.
    Celsius,
    /// °F.
    Fahrenheit,
    /// K.
    Kelvin,
}

/// The currency sign at the start, if there is one.
#[must_use]
pub fn currency(token: &Token<'_>) -> Option<char> {
    match token {
        Token::Symbol(sign @ ('$' | '€' | '£' | '¥' | '₹')) => Some(*sign),
        _ => None,
    }
}

impl Unit {
    /// Whether the unit is a degree of an angle.
    #[must_use]
    pub fn is_degree(&self) -> bool {
        matches!(self, Self::Measure(measure) if measure.dimension == Dimension::DEGREE && measure.is_base())
    }

    /// Whether the unit is a hundredth of a currency.
    #[must_use]
    pub fn is_cents(&self) -> bool {
        matches!(self, Self::Measure(measure) if measure.is_cents())
    }

    /// The unit as it is shown to people.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Percent => String::from("%"),
            Self::Measure(measure) => measure.name.clone(),
            Self::Temperature(Scale::Celsius) => String::from("°C"),
            Self::Temperature(Scale::Fahrenheit) => String::from("°F"),
            Self::Temperature(Scale::Kelvin) => String::from("K"),
            Self::Named(name) => name.clone(),
        }
    }
}
