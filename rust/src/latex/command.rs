//! What each LaTeX command and Unicode sign is to the reader.

/// How the lexer treats a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// White space.
    Space,
    /// Nothing at all.
    Nothing,
    /// Its group is read in its place, as words.
    Words,
    /// Its group is read in its place, as mathematics.
    Transparent,
    /// A single character written as a command.
    Character(char),
    /// A command of this name, followed by so many arguments.
    Named(&'static str, u8),
    /// A command kept as it is.
    Other,
}

/// The role of `\name`.
#[must_use]
pub fn role(name: &str) -> Role {
    match name {
        " " | "," | ";" | ":" | ">" | "quad" | "qquad" | "space" | "enspace" | "thinspace" | "nobreakspace" => {
            Role::Space
        }
        "!" | "left" | "right" | "big" | "Big" | "bigg" | "Bigg" | "bigl" | "bigr" | "Bigl" | "Bigr" | "biggl"
        | "biggr" | "Biggl" | "Biggr" | "middle" | "displaystyle" | "bf" | "scriptstyle" | "textstyle" | "limits"
        | "(" | ")" | "[" | "]" | "negthinspace" | "/" => Role::Nothing,
        "text" | "mbox" | "textbf" | "textit" | "textrm" | "texttt" | "textsf" | "textnormal" | "mathrm" | "rm"
        | "operatorname" | "emph" | "hbox" | "mathsf" | "mathit" => Role::Words,
        "boxed" | "fbox" | "mathbf" | "bold" | "boldsymbol" | "bm" | "ensuremath" | "mathopen" | "mathclose" => {
            Role::Transparent
        }
        "%" => Role::Character('%'),
        "$" | "textdollar" => Role::Character('$'),
        "#" => Role::Character('#'),
        "&" => Role::Character('&'),
        "_" => Role::Character('_'),
        "colon" => Role::Character(':'),
        "lt" => Role::Character('<'),
        "gt" => Role::Character('>'),
        "prime" => Role::Character('\''),
        "degree" | "textdegree" => Role::Character('°'),
        "lbrack" => Role::Character('['),
        "rbrack" => Role::Character(']'),
        "vert" | "lvert" | "rvert" | "mid" | "|" => Role::Character('|'),
        "pounds" | "textsterling" => Role::Character('£'),
        "euro" | "texteuro" => Role::Character('€'),
        "frac" | "dfrac" | "tfrac" | "cfrac" | "sfrac" | "nicefrac" => Role::Named("frac", 2),
        "binom" | "dbinom" | "tbinom" => Role::Named("binom", 2),
        "sqrt" => Role::Named("sqrt", 1),
        "overline" | "bar" => Role::Named("overline", 1),
        "vec" | "overrightarrow" => Role::Named("vec", 1),
        "hat" | "widehat" => Role::Named("hat", 1),
        "tilde" | "widetilde" => Role::Named("tilde", 1),
        "{" | "lbrace" => Role::Named("lbrace", 0),
        "}" | "rbrace" => Role::Named("rbrace", 0),
        "geq" | "ge" | "geqslant" => Role::Named("ge", 0),
        "leq" | "le" | "leqslant" => Role::Named("le", 0),
        "neq" | "ne" => Role::Named("ne", 0),
        "cdot" | "times" | "ast" => Role::Named("times", 0),
        "ldots" | "dots" | "cdots" => Role::Named("dots", 0),
        "rightarrow" | "to" => Role::Named("to", 0),
        "emptyset" | "varnothing" => Role::Named("emptyset", 0),
        "land" | "wedge" => Role::Named("wedge", 0),
        "lor" | "vee" => Role::Named("vee", 0),
        "\\" => Role::Named("newline", 0),
        _ => Role::Other,
    }
}

/// The role of a character that stands for a command, if it does.
#[must_use]
pub fn role_of_sign(sign: char) -> Option<Role> {
    Some(match sign {
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\0' => {
            Role::Nothing
        }
        '−' | '–' | '—' | '‐' | '‑' | '－' => Role::Character('-'),
        '’' | '′' => Role::Character('\''),
        '∣' | '｜' => Role::Character('|'),
        '⁄' | '∕' | '／' => Role::Character('/'),
        '＋' => Role::Character('+'),
        '＝' => Role::Character('='),
        '，' => Role::Character(','),
        '．' => Role::Character('.'),
        '％' => Role::Character('%'),
        '［' => Role::Character('['),
        '］' => Role::Character(']'),
        '（' => Role::Character('('),
        '）' => Role::Character(')'),
        '×' | '·' | '⋅' | '∙' | '*' => Role::Named("times", 0),
        '÷' => Role::Named("div", 0),
        '≥' => Role::Named("ge", 0),
        '≤' => Role::Named("le", 0),
        '≠' => Role::Named("ne", 0),
        '±' => Role::Named("pm", 0),
        '∞' => Role::Named("infty", 0),
        '∪' => Role::Named("cup", 0),
        '∩' => Role::Named("cap", 0),
        '∈' => Role::Named("in", 0),
        '∅' => Role::Named("emptyset", 0),
        '→' => Role::Named("to", 0),
        '…' => Role::Named("dots", 0),
        '∑' => Role::Named("sum", 0),
        '∏' => Role::Named("prod", 0),
        '⌊' => Role::Named("lfloor", 0),
        '⌋' => Role::Named("rfloor", 0),
        '⌈' => Role::Named("lceil", 0),
        '⌉' => Role::Named("rceil", 0),
        _ => return greek_letter(sign).map(|name| Role::Named(name, 0)),
    })
}

/// The command of a Greek letter.
fn greek_letter(sign: char) -> Option<&'static str> {
    Some(match sign {
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' => "epsilon",
        'ζ' => "zeta",
        'η' => "eta",
        'θ' => "theta",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' | 'µ' => "mu",
        'ν' => "nu",
        'ξ' => "xi",
        'π' => "pi",
        'ρ' => "rho",
        'σ' => "sigma",
        'τ' => "tau",
        'φ' | 'ϕ' => "phi",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' => "omega",
        'Γ' => "Gamma",
        'Δ' => "Delta",
        'Θ' => "Theta",
        'Λ' => "Lambda",
        'Σ' => "Sigma",
        'Φ' => "Phi",
        'Ψ' => "Psi",
        'Ω' => "Omega",
        _ => return None,
    })
}

/// `(numerator, denominator)` of a fraction written as one character.
#[must_use]
pub fn vulgar_fraction(sign: char) -> Option<(&'static str, &'static str)> {
    Some(match sign {
        '½' => ("1", "2"),
        '⅓' => ("1", "3"),
        '⅔' => ("2", "3"),
        '¼' => ("1", "4"),
        '¾' => ("3", "4"),
        '⅕' => ("1", "5"),
        '⅖' => ("2", "5"),
        '⅗' => ("3", "5"),
        '⅘' => ("4", "5"),
        '⅙' => ("1", "6"),
        '⅚' => ("5", "6"),
        '⅐' => ("1", "7"),
        '⅛' => ("1", "8"),
        '⅜' => ("3", "8"),
        '⅝' => ("5", "8"),
        '⅞' => ("7", "8"),
        '⅑' => ("1", "9"),
        _ => return None,
    })
}

/// What a raised character is on the line.
#[must_use]
pub fn superscript(sign: char) -> Option<&'static str> {
    Some(match sign {
        '⁰' => "0",
        '¹' => "1",
        '²' => "2",
        '³' => "3",
        '⁴' => "4",
        '⁵' => "5",
        '⁶' => "6",
        '⁷' => "7",
        '⁸' => "8",
        '⁹' => "9",
        '⁻' => "-",
        '⁺' => "+",
        '⁽' => "(",
        '⁾' => ")",
        'ⁿ' => "n",
        'ˣ' => "x",
        'ᵏ' => "k",
        'ᵐ' => "m",
        'ⁱ' => "i",
        'ʸ' => "y",
        'ᵃ' => "a",
        'ᵇ' => "b",
        'ᵗ' => "t",
        _ => return None,
    })
}

/// What a lowered character is on the line.
#[must_use]
pub fn subscript(sign: char) -> Option<&'static str> {
    Some(match sign {
        '₀' => "0",
        '₁' => "1",
        '₂' => "2",
        '₃' => "3",
        '₄' => "4",
        '₅' => "5",
        '₆' => "6",
        '₇' => "7",
        '₈' => "8",
        '₉' => "9",
        'ₙ' => "n",
        _ => return None,
    })
}
