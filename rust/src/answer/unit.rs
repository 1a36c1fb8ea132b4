//! What a number counts: money, percent, degrees, or a noun.

use crate::latex::tokens::Token;

/// The unit of a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A bare number.
    None,
    /// `%`.
    Percent,
    /// `3:4`.
    Ratio,
    /// Hundredths of a currency.
    Cents,
    /// Anything else, in one spelling.
    Named(String),
}

/// Units of measure and money, in the singular; they may follow a numeral without a space: `5cm`.
const MEASURES: &str = "mm cm dm km nm mg kg gm ml cl dl ft in yd mi oz lb hr min sec day mph kph kmh kmph gal sq cu \
    hz khz mhz kw kwh kj kb mb gb tb kpa rpm psi bpm deg rad usd eur gbp cad inr sqft sqm fl pt qt ms yr wk mo \
    millimeter millimetre centimeter centimetre decimeter decimetre kilometer kilometre meter metre nanometer \
    micrometer milligram kilogram kilo gram tonne ton milliliter millilitre centiliter deciliter liter litre \
    foot feet inch inche yard mile ounce pound fathom furlong acre hectare verst gallon quart pint cup tablespoon \
    teaspoon bushel barrel hour minute second millisecond week fortnight month year decade century centurie degree \
    radian celsius fahrenheit kelvin joule watt kilowatt newton volt ampere amp ohm hertz pascal calorie byte bit \
    kilobyte megabyte gigabyte terabyte dollar buck euro yuan yen rupee ruble rouble kopek kopeck peso franc won \
    pence penny pennie penney cent dime nickel shilling knot lightyear unit squareinch squareinche way";

/// Things that word problems count, in the singular.
const NOUNS: &str = "people person man men woman women child children kid boy girl adult student pupil teacher \
    member player worker employee customer passenger friend guest family families team class classe group guy \
    parent mother father brother sister cousin sibling neighbor driver rider runner soldier visitor participant \
    contestant resident voter camper scout dancer singer musician doctor nurse king queen knight rook pawn bishop \
    animal dog puppy puppie cat kitten cow horse pony ponie pig sheep goat chicken hen rooster duck goose geese \
    turkey bird parrot rabbit hamster mouse mice rat fish fishe carp shark whale frog turtle snake lizard spider \
    insect bug ant bee butterfly butterflie dragon donkey monkey elephant lion tiger bear deer fox foxe wolf wolves \
    apple orange banana pear peach peache plum cherry cherrie grape berry berrie strawberry strawberrie blueberry \
    blueberrie raspberry raspberrie lemon lime mango mangoe melon watermelon pumpkin tomato tomatoe potato potatoe \
    carrot onion pepper cucumber egg loaf loaves slice sandwich sandwiche pizza pie cake cupcake cookie brownie \
    muffin donut doughnut bagel candy candie chocolate lollipop sweet nut peanut almond walnut bean seed meal lunch \
    lunche dinner breakfast burger hamburger taco burrito chip cracker marshmallow drink soda juice coffee tea \
    book page chapter word letter line paragraph essay story storie magazine newspaper notebook pencil pen crayon \
    marker eraser ruler sticker stamp card postcard poster picture photo photograph painting sheet paper envelope \
    ball balloon marble bead button block cube brick tile toy doll puzzle game kite bike bicycle tricycle car truck \
    bus buse van train plane airplane boat ship wagon wheel tire seat chair table desk bed sofa lamp candle bulb \
    door window room floor house home apartment building school store shop office cabin tent box boxe bag basket \
    bucket bottle jar can carton crate package packet container tank tray bowl plate cup glass glasse mug spoon \
    fork knife knives pot pan shirt dress dresse skirt jacket coat sweater hat cap sock shoe boot glove scarf \
    scarves ring necklace bracelet earring blanket towel pillow quilt curtain shelf shelves \
    tree flower rose tulip daisy daisie lily lilie sunflower plant bush bushe leaf leaves petal branch branche vine \
    rock stone stick shell coin bill ticket coupon token prize trophy trophie medal vote song movie video show \
    episode concert lesson lap step mistake question problem answer test exam homework assignment trip visit call \
    message email text photo post view subscriber follower hit goal run win game match matche race round turn shot \
    basket song beat row column piece part item object thing kind type job task shift load bar stack bundle bunch \
    bunche bouquet bullet tool nail screw bolt rope string wire stripe spot dot side edge face vertex vertice \
    vertices corner angle triangle circle rectangle polygon hexagon pentagon cell digit integer number value \
    solution combination permutation arrangement outcome possibility possibilitie choice element subset path route \
    handshake diagonal pound cereal computer phone laptop battery batterie camera machine robot";

/// Words that go with a unit and are none themselves.
const ADJECTIVES: &str = "square sq cubic cu of per each a an the old long tall wide high deep total whole different \
    distinct possible red blue green yellow black white purple pink brown";

/// Single letters that are units where LaTeX was told that they are words: `5\\text{ m}`, but not `3\\mathrm{i}`.
const LETTER_UNITS: [&str; 14] = ["m", "g", "s", "l", "L", "h", "N", "J", "W", "V", "K", "C", "F", "A"];

/// One spelling for each unit that has several.
const SPELLINGS: [(&str, &str); 46] = [
    ("millimeter", "mm"),
    ("millimetre", "mm"),
    ("centimeter", "cm"),
    ("centimetre", "cm"),
    ("kilometer", "km"),
    ("kilometre", "km"),
    ("meter", "m"),
    ("metre", "m"),
    ("milligram", "mg"),
    ("kilogram", "kg"),
    ("gram", "g"),
    ("milliliter", "ml"),
    ("millilitre", "ml"),
    ("liter", "l"),
    ("litre", "l"),
    ("foot", "ft"),
    ("feet", "ft"),
    ("inch", "in"),
    ("inche", "in"),
    ("yard", "yd"),
    ("mile", "mi"),
    ("ounce", "oz"),
    ("pound", "lb"),
    ("hour", "hr"),
    ("h", "hr"),
    ("minute", "min"),
    ("second", "sec"),
    ("s", "sec"),
    ("day", "day"),
    ("degree", "°"),
    ("deg", "°"),
    ("dollar", "$"),
    ("buck", "$"),
    ("usd", "$"),
    ("euro", "€"),
    ("eur", "€"),
    ("gbp", "£"),
    ("percent", "%"),
    ("per cent", "%"),
    ("cent", "¢"),
    ("gallon", "gal"),
    ("people", "person"),
    ("children", "child"),
    ("men", "man"),
    ("women", "woman"),
    ("square unit", "unit^2"),
];

/// The currency sign at the start, if there is one.
#[must_use]
pub fn currency(token: &Token<'_>) -> Option<char> {
    match token {
        Token::Symbol(sign @ ('$' | '€' | '£' | '¥' | '₹')) => Some(*sign),
        _ => None,
    }
}

/// The unit that `span`, everything after a number, is; `None` when it is none, and the answer no plain quantity.
#[must_use]
pub fn unit(span: &[Token<'_>]) -> Option<Unit> {
    let spaced = matches!(span, [Token::Space, ..]);
    let mut words: Vec<String> = Vec::new();
    let mut rest = span;
    let mut first = true;
    while let [token, after @ ..] = rest {
        rest = after;
        match token {
            Token::Space => continue,
            Token::Letters { run, text } => {
                let word = run.to_lowercase();
                let degrees = words.last().is_some_and(|word| word == "°");
                if !is_unit_word(run, &word, *text, spaced || !first, degrees) {
                    return None;
                }
                words.push(word);
                if let [Token::Symbol('.'), after @ ..] = rest {
                    rest = after; // "sq. ft."
                }
            }
            Token::Symbol(sign @ ('%' | '°' | '$' | '€' | '£' | '¢')) => words.push(sign.to_string()),
            Token::Symbol('/') if !words.is_empty() => words.push(String::from("per")),
            Token::Symbol('^') if !words.is_empty() => {
                let [Token::Open, Token::Digits(power @ ("2" | "3")), Token::Close, after @ ..] = rest else {
                    return None;
                };
                rest = after;
                if let Some(word) = words.last_mut() {
                    *word = format!("{}^{power}", one_spelling(word));
                }
            }
            _ => return None,
        }
        first = false;
    }
    (words.len() <= 6 && names_a_unit(&words)).then(|| named(&words))
}

/// Whether a word may stand behind a number without changing it. Only known words do: `5 wrong`, `3 ninths` and
/// `5 lakh` are not five of something.
fn is_unit_word(run: &str, word: &str, text: bool, spaced: bool, degrees: bool) -> bool {
    let mut letters = run.chars();
    if letters.next().is_some() && letters.next().is_none() {
        return (text && LETTER_UNITS.contains(&run)) || (degrees && matches!(run, "C" | "F")) || word == "a";
    }
    word == "percent" || word == "cent" || is_in(MEASURES, word) || ((text || spaced) && is_noun_or_adjective(word))
}

fn is_noun_or_adjective(word: &str) -> bool {
    is_in(NOUNS, word) || ADJECTIVES.split(' ').any(|known| known == word)
}

/// Whether the list has the word or that of which it is the plural.
fn is_in(list: &str, word: &str) -> bool {
    let singular = word.strip_suffix('s').filter(|singular| singular.len() > 1);
    list.split(' ').any(|known| known == word || Some(known) == singular)
}

/// Whether the words name a thing; `percent` and `cents` only by themselves, and nothing hangs in the air.
fn names_a_unit(words: &[String]) -> bool {
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return true;
    };
    let whole = ["%", "percent", "cent", "cents", "¢"];
    if words.iter().any(|word| whole.contains(&word.as_str())) {
        return words.len() == 1 || (words.len() == 2 && first == "per" && last == "cent");
    }
    let names = |word: &String| !ADJECTIVES.split(' ').any(|known| known == word);
    let loose = |word: &String| matches!(word.as_str(), "of" | "per" | "a" | "an" | "the");
    words.iter().any(names) && !loose(first) && !loose(last)
}

fn named(words: &[String]) -> Unit {
    let spelled: Vec<&str> = words.iter().map(|word| one_spelling(word)).collect();
    let name = match spelled.as_slice() {
        ["square" | "sq", unit] => format!("{unit}^2"),
        ["cubic" | "cu", unit] => format!("{unit}^3"),
        all => all.join(" "),
    };
    match name.as_str() {
        "" => Unit::None,
        "%" | "per ¢" => Unit::Percent,
        "¢" => Unit::Cents,
        _ => Unit::Named(name),
    }
}

/// A word in the singular and in its short form.
fn one_spelling(word: &str) -> &str {
    let singular = if word.len() > 2 && !word.ends_with("ss") { word.strip_suffix('s').unwrap_or(word) } else { word };
    SPELLINGS.iter().find(|(long, _)| *long == singular).map_or(singular, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::{Unit, unit};
    use crate::latex::canonical::answer_tokens;

    fn unit_of(text: &str) -> Option<Unit> {
        let all = answer_tokens(text);
        unit(&all[1..])
    }

    #[test]
    fn units_have_one_spelling() {
        for (text, name) in [
            ("10 inches^2", "in^2"),
            (r"10\mbox{ square inches}", "in^2"),
            ("10 in²", "in^2"),
            (r"10\,\mathrm{kg}", "kg"),
            ("10kg", "kg"),
            ("10 degrees", "°"),
            ("10°", "°"),
            ("10 dollars", "$"),
            ("10 apples", "apple"),
            (r"5\text{ m/s}", "m per sec"),
            (r"5\text{ m}", "m"),
            ("5 years old", "year old"),
            ("3 square feet", "ft^2"),
            ("20 berries", "berrie"),
            ("60 miles per hour", "mi per hr"),
        ] {
            assert_eq!(unit_of(text), Some(Unit::Named(name.to_owned())), "{text}");
        }
        assert_eq!(unit_of("10 percent"), Some(Unit::Percent));
        assert_eq!(unit_of(r"10\%"), Some(Unit::Percent));
        assert_eq!(unit_of("50 cents"), Some(Unit::Cents));
        assert_eq!(unit_of("5"), Some(Unit::None));
    }

    #[test]
    fn what_changes_the_number_is_no_unit() {
        for text in [
            "3x",
            "3 x",
            "3abc",
            "3 pi",
            "3 million",
            "3 dozen",
            "5 or 6",
            "2 halves",
            "3 sin x",
            "3 squared",
            "3 ab",
            "3 quarters of an hour",
            "5!",
            "5 + x",
            "3 apples and 2 pears",
            r"3\pi",
            "5 choose 2",
            "5, but maybe",
            r"3\mathrm{i}",
            r"3\mathrm{e}",
            r"3\mathrm{x}",
            r"2\text{x}",
            r"7\text{ k}",
            r"5\mathrm{M}",
            "2 theta",
            "3 sevenths",
            "5 twelfths",
            "5 thousandths",
            "5 quadrillion",
            "5 lakh",
            "5 grand",
            "5 sinh",
            "2 root",
            "5 infinity",
            "5 wrong",
            "5 unsure",
            "5 none",
            "5 less",
            "5 percent less",
            "5% more",
            "5 percent of the apples",
            "5 basis points",
            "5 square",
            "5 of",
            "5 per",
        ] {
            assert_eq!(unit_of(text), None, "{text}");
        }
    }
}
