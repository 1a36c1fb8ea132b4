//! What is too much ends at once, and no text is answered by a panic.

use super::{read, shown};
use crate::budget::OverBudget;
use crate::expression::Expression;

#[test]
fn what_is_too_deep_or_too_long_says_so() {
    let nested = |open: &str, close: &str| [open.repeat(20_000), String::from("x"), close.repeat(20_000)].concat();
    for text in [
        nested("(", ")"),
        nested("(1+", ")"),
        nested(r"\sqrt{", "}"),
        nested(r"\frac{1}{", "}"),
        nested("|", "|"),
        nested("x^{", "}"),
        nested("sin ", ""),
        nested("{x_1}^", ""),
        nested(r"\lfloor ", r"\rfloor "),
        nested("f(", ")"),
        nested("arsinh ", ""),
        "x".repeat(1 << 20),
        "x+".repeat(1 << 19) + "x",
        "9^".repeat(5_000) + "9",
        "9".repeat(100_000),
    ] {
        assert_eq!(read(&text), Err(OverBudget), "{}", &text[..20]);
    }
    let shallow = |open: &str, close: &str| [open.repeat(60), String::from("x"), close.repeat(60)].concat();
    assert_eq!(shown(&shallow("(", ")")), "x");
    assert_eq!(shown(&("1/2*".repeat(2_000) + "3")).len(), 8_001);
    assert!(matches!(read(&("1/".repeat(2_000) + "3")), Ok(Some(tree)) if tree.depth() == 3));
}

/// The tree without what a line of text does not tell: sums in sums, and whether 1/2 is a number or a division.
fn flat(expression: &Expression) -> Expression {
    use Expression::{Apply, Binomial, Call, Power, Product, Quotient, Root, Sum};
    let boxed = |part: &Expression| Box::new(flat(part));
    match expression {
        Sum(parts) => Sum(parts.iter().map(flat).collect()),
        Product(parts) => Product(parts.iter().map(flat).collect()),
        Quotient(one, other) => match (flat(one), flat(other)) {
            (Expression::Number(above), Expression::Number(below)) if !below.is_zero() => {
                above.over(&below).map_or_else(|| expression.clone(), Expression::Number)
            }
            (one, other) => Quotient(Box::new(one), Box::new(other)),
        },
        Power(one, other) => Power(boxed(one), boxed(other)),
        Binomial(one, other) => Binomial(boxed(one), boxed(other)),
        Root(degree, inner) => Root(*degree, boxed(inner)),
        Apply(function, inner) => Apply(*function, boxed(inner)),
        Call(name, parts) => Call(name.clone(), parts.iter().map(flat).collect()),
        other => other.clone(),
    }
}

#[test]
fn soup_never_panics_and_what_is_shown_reads_back() {
    const PIECES: [&str; 48] = [
        "1",
        "2",
        "0.5",
        "10",
        "x",
        "y",
        "e",
        "i",
        "n",
        "pi",
        "f",
        "a_1",
        r"\theta",
        "+",
        "-",
        "-",
        "*",
        "/",
        "^",
        "**",
        "(",
        ")",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "|",
        "!",
        "'",
        " ",
        " ",
        ",",
        r"\frac",
        r"\sqrt",
        r"\sin ",
        r"\ln ",
        r"\log_2",
        r"\cdot ",
        r"\binom",
        r"\over ",
        r"\lfloor ",
        r"\rfloor ",
        "°",
        "²",
        "√",
        r"\vec",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let mut read_back = 0;
    for _ in 0..30_000 {
        let text: String = (0..=next(9)).map(|_| PIECES[next(PIECES.len())]).collect();
        if let Ok(Some(expression)) = read(&text) {
            let line = expression.to_string();
            let again = read(&line).ok().flatten();
            assert_eq!(again.as_ref().map(flat), Some(flat(&expression)), "{text} as {line}");
            read_back += 1;
        }
    }
    assert!(read_back > 1_000, "{read_back}");
}
