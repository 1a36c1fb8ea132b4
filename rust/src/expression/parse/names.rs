//! The names mathematics knows, and how a run of letters falls into them: `xsinx` is `x`, `sin`, `x`.

use crate::budget::{Budget, OverBudget};
use crate::expression::Function;
use crate::latex::tokens::Token;

/// What a name applied to an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A function of the tree.
    Plain(Function),
    /// One over a function: csch, sech, coth.
    OneOver(Function),
    /// A function of one over the argument: arcsec and arccsc.
    OfOneOver(Function),
    Arccot,
    Arsinh,
    Arcosh,
    Artanh,
    /// e to the argument.
    Exp,
    /// e to i times the argument.
    Cis,
    /// The root of this degree.
    Root(u32),
    /// The logarithm to the base that stands below, or else to this one.
    Log(i64),
}

impl Head {
    /// Whether the argument is an angle, where a degree sign is a number.
    pub(super) fn takes_angle(self) -> bool {
        use Function::{Cos, Cot, Csc, Sec, Sin, Tan};
        matches!(self, Self::Cis | Self::Plain(Sin | Cos | Tan | Cot | Sec | Csc))
    }

    /// The function that undoes this one: what `\sin^{-1}` means.
    pub(super) fn inverse(self) -> Option<Self> {
        use Function::{Arccos, Arcsin, Arctan, Cos, Cosh, Cot, Csc, Sec, Sin, Sinh, Tan, Tanh};
        Some(match self {
            Self::Plain(Sin) => Self::Plain(Arcsin),
            Self::Plain(Cos) => Self::Plain(Arccos),
            Self::Plain(Tan) => Self::Plain(Arctan),
            Self::Plain(Cot) => Self::Arccot,
            Self::Plain(Sec) => Self::OfOneOver(Arccos),
            Self::Plain(Csc) => Self::OfOneOver(Arcsin),
            Self::Plain(Sinh) => Self::Arsinh,
            Self::Plain(Cosh) => Self::Arcosh,
            Self::Plain(Tanh) => Self::Artanh,
            _ => return None,
        })
    }
}

/// The head of this name. A logarithm without a base is to base ten.
pub(super) fn head(name: &str) -> Option<Head> {
    use Function::{Abs, Arccos, Arcsin, Arctan, Ceiling, Cos, Cosh, Cot, Csc, Floor, Ln, Sec, Sin, Sinh, Tan, Tanh};
    Some(match name {
        "sin" => Head::Plain(Sin),
        "cos" => Head::Plain(Cos),
        "tan" | "tg" => Head::Plain(Tan),
        "cot" | "ctg" | "cotg" => Head::Plain(Cot),
        "sec" => Head::Plain(Sec),
        "csc" | "cosec" => Head::Plain(Csc),
        "arcsin" | "asin" => Head::Plain(Arcsin),
        "arccos" | "acos" => Head::Plain(Arccos),
        "arctan" | "atan" | "arctg" => Head::Plain(Arctan),
        "arccot" | "acot" | "arcctg" => Head::Arccot,
        "arcsec" | "asec" => Head::OfOneOver(Arccos),
        "arccsc" | "acsc" => Head::OfOneOver(Arcsin),
        "sinh" => Head::Plain(Sinh),
        "cosh" => Head::Plain(Cosh),
        "tanh" => Head::Plain(Tanh),
        "csch" => Head::OneOver(Sinh),
        "sech" => Head::OneOver(Cosh),
        "coth" => Head::OneOver(Tanh),
        "arsinh" | "arcsinh" | "asinh" => Head::Arsinh,
        "arcosh" | "arccosh" | "acosh" => Head::Arcosh,
        "artanh" | "arctanh" | "atanh" => Head::Artanh,
        "ln" => Head::Plain(Ln),
        "log" | "lg" => Head::Log(10),
        "exp" => Head::Exp,
        "cis" => Head::Cis,
        "abs" | "Abs" => Head::Plain(Abs),
        "floor" => Head::Plain(Floor),
        "ceil" | "ceiling" => Head::Plain(Ceiling),
        "sqrt" => Head::Root(2),
        "cbrt" => Head::Root(3),
        _ => return None,
    })
}

/// The Greek letter of this name; its two shapes are one letter.
pub(super) fn greek(name: &str) -> Option<&'static str> {
    const LETTERS: [&str; 34] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
        "xi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda",
        "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega", "ell",
    ];
    let plain = match name {
        "varepsilon" => "epsilon",
        "vartheta" => "theta",
        "varrho" => "rho",
        "varsigma" => "sigma",
        "varphi" => "phi",
        plain => plain,
    };
    LETTERS.into_iter().find(|letter| *letter == plain)
}

/// Names that are found inside a longer run, a longer one before its beginning.
const INSIDE: [&str; 27] = [
    "arcsin", "arccos", "arctan", "arccot", "sinh", "cosh", "tanh", "sqrt", "sin", "cos", "tan", "cot", "sec", "csc",
    "log", "exp", "ln", "pi", "alpha", "beta", "gamma", "delta", "theta", "lambda", "sigma", "omega", "phi",
];

/// Greek letters that are not mistaken for a product where they are spelled out.
pub(super) fn is_spelled_greek(run: &str) -> bool {
    greek(run).is_some() && run.len() >= 3 && !matches!(run, "eta" | "chi" | "ell")
}

/// Words that are no product of their letters, short as they are.
const WORDS: [&str; 16] =
    ["and", "or", "for", "the", "not", "mod", "max", "min", "gcd", "lcm", "lim", "inf", "sup", "det", "dim", "deg"];

/// Letters a run may have that falls into names; no product is that long.
const MAX_RUN: usize = 24;

/// Units it takes to see whether a name begins at a letter.
const PER_LETTER: u64 = 8;

/// The tokens with every run of letters divided into names and single letters; a word stays whole.
///
/// # Errors
/// There are more letters than the budget allows.
pub(super) fn divided<'a>(span: &[Token<'a>], budget: &Budget) -> Result<Vec<Token<'a>>, OverBudget> {
    let mut all = Vec::with_capacity(span.len());
    for token in span {
        match token {
            Token::Letters { run, text: false } if run.len() > 1 && run.chars().all(char::is_alphabetic) => {
                budget.spend(PER_LETTER * run.len() as u64)?;
                divide(run, &mut all);
            }
            other => all.push(*other),
        }
    }
    Ok(all)
}

fn divide<'a>(run: &'a str, all: &mut Vec<Token<'a>>) {
    let whole = Token::Letters { run, text: false };
    if run == "pi" || head(run).is_some() || is_spelled_greek(run) || WORDS.contains(&run) || run.len() > MAX_RUN {
        all.push(whole);
        return;
    }
    let begin = all.len();
    let (mut rest, mut names, mut stretch, mut longest) = (run, 0, 0, 0);
    while let Some(letter) = rest.chars().next() {
        let name = INSIDE.into_iter().find(|name| rest.starts_with(name));
        let length = name.map_or(letter.len_utf8(), str::len);
        stretch = if name.is_some() { 0 } else { stretch + 1 };
        longest = longest.max(stretch);
        names += usize::from(name.is_some());
        all.push(Token::Letters { run: &rest[..length], text: false });
        rest = &rest[length..];
    }
    let lower = run.bytes().filter(u8::is_ascii_lowercase).count();
    let is_word = if names > 0 { longest > 2 } else { lower > 2 && run.len() > 3 };
    if is_word || !run.is_ascii() {
        all.truncate(begin);
        all.push(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::divided;
    use crate::budget::Budget;
    use crate::latex::tokens::{Token, tokens};

    #[test]
    fn runs_fall_into_names() {
        for (text, expected) in [
            ("xsinx", "x sin x"),
            ("sinxcosx", "sin x cos x"),
            ("xy", "x y"),
            ("abc", "a b c"),
            ("ABCD", "A B C D"),
            ("arcsinx", "arcsin x"),
            ("rtheta", "r theta"),
            ("pi", "pi"),
            ("pir", "pi r"),
            ("asin", "asin"),
            ("yes", "y e s"),
            ("blue", "blue"),
            ("Vera", "Vera"),
            ("second", "second"),
            ("tangent", "tangent"),
            ("or", "or"),
        ] {
            let all = tokens(text);
            let shown: Vec<&str> = divided(&all, &Budget::for_one_check())
                .expect("few letters")
                .iter()
                .map(|token| if let Token::Letters { run, .. } = token { *run } else { "?" })
                .collect();
            assert_eq!(shown.join(" "), expected, "{text}");
        }
    }
}
