//! Measures: their dimensions, and how many base units each is, exactly.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::number::rational::Rational;

/// What a measure measures: the powers of its base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension {
    /// Metre, kilogram, second, month, degree, radian, bit, money.
    powers: [i8; 8],
    /// Which money; `¢` is of any.
    currency: char,
}

const MONEY: usize = 7;

impl Dimension {
    /// An angle in degrees.
    pub const DEGREE: Self = Self::of([0, 0, 0, 0, 1, 0, 0, 0]);
    /// An angle in radians, which no fraction of a degree is.
    pub const RADIAN: Self = Self::of([0, 0, 0, 0, 0, 1, 0, 0]);
    const NONE: Self = Self::of([0; 8]);

    const fn of(powers: [i8; 8]) -> Self {
        Self { powers, currency: ' ' }
    }

    /// Whether two dimensions are the same, where cents may be of any currency that has them.
    #[must_use]
    pub fn agrees(self, other: Self) -> bool {
        let cents = |one: char, other: char| one == '¢' && matches!(other, '$' | '€');
        let currencies = self.currency == other.currency
            || cents(self.currency, other.currency)
            || cents(other.currency, self.currency);
        self.powers == other.powers && currencies
    }

    /// The dimension of a product with `other` to a power; nothing where two currencies meet.
    fn times(self, other: Self, power: i8) -> Option<Self> {
        let mut powers = self.powers;
        for (mine, others) in powers.iter_mut().zip(other.powers) {
            *mine = mine.checked_add(others.checked_mul(power)?)?;
        }
        let currency = match (self.currency, other.currency) {
            (mine, ' ') => mine,
            (' ', theirs) => theirs,
            (mine, theirs) if mine == theirs => mine,
            _ => return None,
        };
        Some(Self { powers, currency })
    }
}

/// A measure, as many of its base unit as the factor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// What it measures.
    pub dimension: Dimension,
    /// How many base units it is.
    pub factor: Rational,
    /// Its name as it was read.
    pub name: String,
}

impl Measure {
    /// The measure of a number without one.
    pub(super) fn one() -> Self {
        Self { dimension: Dimension::NONE, factor: Rational::from(1), name: String::new() }
    }

    /// Whether it is its own base unit.
    pub(super) fn is_base(&self) -> bool {
        self.factor == Rational::from(1)
    }

    /// How many base units it is beside `other`: a ton is a metric one among metric measures.
    pub(in crate::answer) fn factor_beside(&self, other: &Self) -> Rational {
        let metric = matches!(other.name.as_str(), "kg" | "g" | "mg" | "tonne");
        if self.name == "ton" && metric { Rational::from(1000) } else { self.factor.clone() }
    }

    /// Whether it is a hundredth of a currency.
    pub(super) fn is_cents(&self) -> bool {
        self.dimension.currency == '¢'
    }

    /// The product with `other` to a small power.
    pub(super) fn times(&self, other: &Self, power: i8) -> Option<Self> {
        let dimension = self.dimension.times(other.dimension, power)?;
        let scale = other.factor.to_power(i64::from(power)).ok()??;
        let raised = if power == 1 { other.name.clone() } else { format!("{}^{power}", other.name) };
        let name = if self.name.is_empty() { raised } else { format!("{} {raised}", self.name) };
        Some(Self { dimension, factor: self.factor.times(&scale), name })
    }
}

/// The measure of a currency sign.
#[must_use]
pub fn currency_measure(sign: char) -> Measure {
    let mut dimension = Dimension::NONE;
    dimension.powers[MONEY] = 1;
    dimension.currency = sign;
    Measure { dimension, factor: Rational::from(1), name: sign.to_string() }
}

/// Hundredths of whichever currency has them.
#[must_use]
pub fn cents() -> Measure {
    let mut measure = currency_measure('¢');
    measure.factor = hundredth();
    measure
}

fn hundredth() -> Rational {
    Rational::from(1).over(&Rational::from(100)).unwrap_or_else(|| Rational::from(0))
}

const LENGTH: [i8; 8] = [1, 0, 0, 0, 0, 0, 0, 0];
const AREA: [i8; 8] = [2, 0, 0, 0, 0, 0, 0, 0];
const VOLUME: [i8; 8] = [3, 0, 0, 0, 0, 0, 0, 0];
const MASS: [i8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];
const TIME: [i8; 8] = [0, 0, 1, 0, 0, 0, 0, 0];
const CALENDAR: [i8; 8] = [0, 0, 0, 1, 0, 0, 0, 0];
const ANGLE: [i8; 8] = [0, 0, 0, 0, 1, 0, 0, 0];
const ARC: [i8; 8] = [0, 0, 0, 0, 0, 1, 0, 0];
const DATA: [i8; 8] = [0, 0, 0, 0, 0, 0, 1, 0];
const SPEED: [i8; 8] = [1, 0, -1, 0, 0, 0, 0, 0];
const FREQUENCY: [i8; 8] = [0, 0, -1, 0, 0, 0, 0, 0];
const FORCE: [i8; 8] = [1, 1, -2, 0, 0, 0, 0, 0];
const ENERGY: [i8; 8] = [2, 1, -2, 0, 0, 0, 0, 0];
const POWER: [i8; 8] = [2, 1, -3, 0, 0, 0, 0, 0];
const PRESSURE: [i8; 8] = [-1, 1, -2, 0, 0, 0, 0, 0];

/// Names in the singular, what is measured, and the base units as a fraction.
type Row = (&'static str, [i8; 8], i64, i64);

/// A month is no number of days, and so years have a base unit of their own.
const TABLE: &[Row] = &[
    ("nm nanometer nanometre", LENGTH, 1, 1_000_000_000),
    ("micrometer micrometre micron", LENGTH, 1, 1_000_000),
    ("mm millimeter millimetre", LENGTH, 1, 1000),
    ("cm centimeter centimetre", LENGTH, 1, 100),
    ("dm decimeter decimetre", LENGTH, 1, 10),
    ("m meter metre", LENGTH, 1, 1),
    ("km kilometer kilometre", LENGTH, 1000, 1),
    ("in inch inche", LENGTH, 254, 10_000),
    ("ft foot feet", LENGTH, 3048, 10_000),
    ("yd yard", LENGTH, 9144, 10_000),
    ("mi mile", LENGTH, 1_609_344, 1000),
    ("fathom", LENGTH, 18288, 10_000),
    ("furlong", LENGTH, 201_168, 1000),
    ("hectare ha", AREA, 10_000, 1),
    ("acre", AREA, 40_468_564_224, 10_000_000),
    ("sqft", AREA, 9_290_304, 100_000_000),
    ("sqm", AREA, 1, 1),
    ("ml milliliter millilitre cc", VOLUME, 1, 1_000_000),
    ("cl centiliter centilitre", VOLUME, 1, 100_000),
    ("dl deciliter decilitre", VOLUME, 1, 10_000),
    ("l L liter litre", VOLUME, 1, 1000),
    ("gal gallon", VOLUME, 3_785_411_784, 1_000_000_000_000),
    ("qt quart", VOLUME, 946_352_946, 1_000_000_000_000),
    ("pt pint", VOLUME, 473_176_473, 1_000_000_000_000),
    ("cup", VOLUME, 2_365_882_365, 10_000_000_000_000),
    ("tablespoon tbsp", VOLUME, 1_478_676_478_125, 100_000_000_000_000_000),
    ("teaspoon tsp", VOLUME, 492_892_159_375, 100_000_000_000_000_000),
    ("mg milligram", MASS, 1, 1_000_000),
    ("g gm gram gramme", MASS, 1, 1000),
    ("kg kilogram kilo kilogramme", MASS, 1, 1),
    ("tonne", MASS, 1000, 1),
    ("ton", MASS, 45_359_237, 50_000),
    ("oz ounce", MASS, 45_359_237, 1_600_000_000),
    ("lb pound", MASS, 45_359_237, 100_000_000),
    ("ms millisecond", TIME, 1, 1000),
    ("s sec second", TIME, 1, 1),
    ("min minute", TIME, 60, 1),
    ("h hr hour", TIME, 3600, 1),
    ("day", TIME, 86_400, 1),
    ("wk week", TIME, 604_800, 1),
    ("fortnight", TIME, 1_209_600, 1),
    ("mo month", CALENDAR, 1, 1),
    ("yr year", CALENDAR, 12, 1),
    ("decade", CALENDAR, 120, 1),
    ("century centurie", CALENDAR, 1200, 1),
    ("° deg degree", ANGLE, 1, 1),
    ("arcminute", ANGLE, 1, 60),
    ("arcsecond", ANGLE, 1, 3600),
    ("revolution", ANGLE, 360, 1),
    ("rad radian", ARC, 1, 1),
    ("bit", DATA, 1, 1),
    ("byte", DATA, 8, 1),
    ("kb kilobyte", DATA, 8000, 1),
    ("mb megabyte", DATA, 8_000_000, 1),
    ("gb gigabyte", DATA, 8_000_000_000, 1),
    ("tb terabyte", DATA, 8_000_000_000_000, 1),
    ("kib kibibyte", DATA, 8192, 1),
    ("mib mebibyte", DATA, 8_388_608, 1),
    ("gib gibibyte", DATA, 8_589_934_592, 1),
    ("mph", SPEED, 44_704, 100_000),
    ("kph kmh kmph", SPEED, 1000, 3600),
    ("knot", SPEED, 1852, 3600),
    ("hz hertz", FREQUENCY, 1, 1),
    ("khz kilohertz", FREQUENCY, 1000, 1),
    ("mhz megahertz", FREQUENCY, 1_000_000, 1),
    ("rpm", FREQUENCY, 1, 60),
    ("N newton", FORCE, 1, 1),
    ("kn kilonewton", FORCE, 1000, 1),
    ("J joule", ENERGY, 1, 1),
    ("kj kilojoule", ENERGY, 1000, 1),
    ("kwh", ENERGY, 3_600_000, 1),
    ("cal calorie", ENERGY, 4184, 1000),
    ("kcal kilocalorie", ENERGY, 4184, 1),
    ("W watt", POWER, 1, 1),
    ("kw kilowatt", POWER, 1000, 1),
    ("pa pascal", PRESSURE, 1, 1),
    ("kpa kilopascal", PRESSURE, 1000, 1),
    ("atm", PRESSURE, 101_325, 1),
];

/// Words for money in the singular.
const CURRENCIES: [(&str, char); 14] = [
    ("$", '$'),
    ("dollar", '$'),
    ("buck", '$'),
    ("usd", '$'),
    ("€", '€'),
    ("euro", '€'),
    ("eur", '€'),
    ("£", '£'),
    ("gbp", '£'),
    ("yen", '¥'),
    ("yuan", '元'),
    ("rupee", '₹'),
    ("inr", '₹'),
    ("ruble", '₽'),
];

/// The measure a word is, in the singular or the plural.
pub(super) fn measure(word: &str) -> Option<Measure> {
    static ROWS: OnceLock<BTreeMap<&'static str, &'static Row>> = OnceLock::new();
    let singular = word.strip_suffix('s').filter(|singular| singular.len() > 1);
    if matches!(word, "¢" | "cent" | "cents") {
        return Some(cents());
    }
    let fits = |known: &str| known == word || Some(known) == singular;
    if let Some((_, sign)) = CURRENCIES.iter().find(|(known, _)| fits(known)) {
        return Some(currency_measure(*sign));
    }
    let rows =
        ROWS.get_or_init(|| TABLE.iter().flat_map(|row| row.0.split(' ').map(move |name| (name, row))).collect());
    let (names, powers, above, below) = rows.get(word).or_else(|| rows.get(singular?))?;
    let name = names.split(' ').next().unwrap_or_default().to_owned();
    let factor = Rational::from(*above).over(&Rational::from(*below))?;
    Some(Measure { dimension: Dimension::of(*powers), factor, name })
}

#[cfg(test)]
mod tests {
    use super::{Rational, measure};

    #[test]
    fn measures_of_a_dimension_are_multiples() {
        for (one, other, times) in [
            ("m", "cm", 100),
            ("hours", "minutes", 60),
            ("feet", "inches", 12),
            ("gallon", "quarts", 4),
            ("quart", "pints", 2),
            ("pint", "cups", 2),
            ("cup", "tablespoons", 16),
            ("tablespoon", "teaspoons", 3),
            ("years", "month", 12),
            ("dollars", "cents", 100),
            ("mb", "kb", 1000),
            ("kib", "bits", 8192),
            ("mile", "ft", 5280),
            ("lb", "ounces", 16),
            ("ton", "pounds", 2000),
        ] {
            let (one, other) = (measure(one).expect("known"), measure(other).expect("known"));
            assert!(one.dimension.agrees(other.dimension), "{one:?} {other:?}");
            assert_eq!(one.factor, other.factor.times(&Rational::from(times)), "{one:?} {other:?}");
        }
        assert!(measure("wrong").is_none());
    }
}
