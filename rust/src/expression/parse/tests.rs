//! What is read how, what is no expression, and what is too much.

use super::parse_text;
use crate::budget::{Budget, OverBudget};
use crate::expression::Expression;

fn read(text: &str) -> Result<Option<Expression>, OverBudget> {
    parse_text(text, &Budget::for_one_check())
}

fn shown(text: &str) -> String {
    match read(text) {
        Ok(Some(expression)) => expression.to_string(),
        Ok(None) => String::from("none"),
        Err(OverBudget) => String::from("over budget"),
    }
}

/// Fails with every row that is not as expected, not with the first alone.
fn check(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(text, expected)| shown(text) != *expected)
        .map(|(text, expected)| format!("{text}: {} and not {expected}", shown(text)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn operators_bind_as_they_should() {
    check(&[
        ("1+2*3", "1 + 2*3"),
        ("a-b-c", "a - b - c"),
        ("a-(b-c)", "a - (b - c)"),
        ("-2^2", "-2^2"),
        ("(-2)^2", "(-2)^2"),
        ("2^3^2", "2^(3^2)"),
        ("2**3**2", "2^(3^2)"),
        ("2**-1", "2^(-1)"),
        ("- -5", "5"),
        ("+-5", "-5"),
        ("2*-3", "2*(-3)"),
        ("1/2x", "1/2*x"),
        ("1/(2x)", "1/(2*x)"),
        ("2x/3", "2*x/3"),
        ("a/b/c", "a/(b*c)"),
        (r"6 \div 2", "6/2"),
        ("3x", "3*x"),
        (r"2\pi r", "2*pi*r"),
        ("(a+b)(a-b)", "(a + b)*(a - b)"),
        (r"3\sqrt2", "3*sqrt(2)"),
        ("2(3)", "2*3"),
        ("[a+b](c)", "(a + b)*c"),
        ("(x+1)^2(x-1)", "(x + 1)^2*(x - 1)"),
        ("-x^2+1", "-x^2 + 1"),
        ("x^{2}y", "x^2*y"),
    ]);
}

#[test]
fn numbers_are_exact() {
    check(&[
        ("0.5", "1/2"),
        ("1,000", "1000"),
        ("1{,}000x", "1000*x"),
        (r"0.\overline{3}", "1/3"),
        (r"2\frac{1}{2}", "5/2"),
        ("2 1/2", "5/2"),
        (r"-2\frac12", "-5/2"),
        (r"2\frac{x}{3}", "2*x/3"),
        (r"2\cdot\frac12", "2*1/2"),
        (r"x\frac12", "x*1/2"),
        ("½", "1/2"),
        ("2½", "5/2"),
        ("1.5e3", "1500"),
        (r"1.5\times10^3", "(3/2)*10^3"),
        (r"\frac{1,000}{3}", "1000/3"),
        ("x^{10}", "x^10"),
        ("x²", "x^2"),
        ("x⁻¹²", "x^(-12)"),
        ("x^0.5", "x^(1/2)"),
        ("(1,000)", "none"),
        ("1 2", "none"),
        ("2 3/2", "none"),
        ("1.2.3", "none"),
        (r"0.3\ldots", "none"),
        ("x2", "none"),
        ("5$$6", "none"),
    ]);
}

#[test]
fn fractions_and_roots_in_every_spelling() {
    check(&[
        (r"\frac{\frac{a}{b}}{c}", "(a/b)/c"),
        (r"\dfrac ab", "a/b"),
        (r"{a \over b}", "a/b"),
        (r"a+b \over c", "(a + b)/c"),
        (r"\frac\sqrt{2}{2}", "sqrt(2)/2"),
        (r"\frac{\sqrt2}2", "sqrt(2)/2"),
        (r"\sqrt{x+1}", "sqrt(x + 1)"),
        (r"\sqrt[3]{x}", "cbrt(x)"),
        (r"\sqrt [4] x", "\\sqrt[4]{x}"),
        (r"\sqrt[n]{x}", "x^(1/n)"),
        ("sqrt(2)x", "sqrt(2)*x"),
        (r"\sqrt 2x", "sqrt(2)*x"),
        ("sqrt3/2", "sqrt(3)/2"),
        ("√12", "sqrt(12)"),
        ("√(x+1)", "sqrt(x + 1)"),
        ("∛x", "cbrt(x)"),
        ("cbrt(8)", "cbrt(8)"),
        ("2sqrt3", "2*sqrt(3)"),
        ("x^(1/2)", "x^(1/2)"),
        (r"x^\frac12", "x^(1/2)"),
        ("e^pi", "e^pi"),
        ("2^sqrt(3)", "2^(sqrt(3))"),
        (r"e^{-x^2}", "e^(-x^2)"),
        (r"e^{i\pi}", "e^(i*pi)"),
        ("2^-x", "2^(-x)"),
        (r"\sqrt[0]{x}", "none"),
        (r"\frac{1}", "none"),
        (r"\frac", "none"),
        (r"\sqrt", "none"),
        ("x^", "none"),
        ("x^{}", "none"),
    ]);
}

#[test]
fn bars_and_other_brackets() {
    check(&[
        ("|x|", "abs(x)"),
        (r"\lvert x \rvert", "abs(x)"),
        (r"\left|x-1\right|+2", "abs(x - 1) + 2"),
        (r"\|x\|", "abs(x)"),
        ("|x||y|", "abs(x)*abs(y)"),
        ("2|x|y", "2*abs(x)*y"),
        ("||x|-1|", "abs(abs(x) - 1)"),
        ("|(|x|)|", "abs(abs(x))"),
        ("abs(x)", "abs(x)"),
        (r"\lfloor x \rfloor", "floor(x)"),
        ("⌈x/2⌉", "ceil(x/2)"),
        ("5!", "5!"),
        ("(n+1)!", "(n + 1)!"),
        ("n!^2", "n!^2"),
        ("2n!", "2*n!"),
        ("n!!", "none"),
        ("2^3!", "none"),
        (r"\binom{n}{k}", r"\binom{n}{k}"),
        (r"{n \choose k}", r"\binom{n}{k}"),
        ("(x", "none"),
        ("x)", "none"),
        ("(a+b]", "none"),
        ("|x", "none"),
        ("()", "none"),
    ]);
}

#[test]
fn arguments_end_where_people_mean() {
    check(&[
        (r"\sin 2x", "sin(2*x)"),
        (r"\sin x \cos x", "sin(x)*cos(x)"),
        (r"\sin 2x + 1", "sin(2*x) + 1"),
        (r"x\sin x", "x*sin(x)"),
        (r"\sin^2 x", "sin(x)^2"),
        (r"\sin^2(x)", "sin(x)^2"),
        (r"\sin(x)^2", "sin(x)^2"),
        (r"\sin x^2", "sin(x^2)"),
        (r"\sin\frac{x}{2}", "sin(x/2)"),
        (r"\ln 2x", "ln(2*x)"),
        (r"\sin(x)y", "sin(x)*y"),
        (r"\sin{x}\cos{y}", "sin(x)*cos(y)"),
        (r"\sin x(1+\cos x)", "sin(x)*(1 + cos(x))"),
        (r"\sin 2(x+1)", "sin(2*(x + 1))"),
        (r"\sin \pi/3", "sin(pi/3)"),
        (r"\cos 2\pi/7", "cos((2*pi)/7)"),
        (r"\ln 2/3", "ln(2)/3"),
        (r"\sin x e^x", "sin(x)*e^x"),
        (r"e^x\sin x", "e^x*sin(x)"),
        (r"\sin -x", "sin(-x)"),
        (r"\ln x \sqrt{x}", "ln(x)*sqrt(x)"),
        (r"\cos n\pi x", "cos(n*pi*x)"),
        (r"\sin 30^\circ", "sin(30*pi/180)"),
        ("sin(30°)", "sin(30*pi/180)"),
        (r"\ln|x+1|+C", "ln(abs(x + 1)) + C"),
        ("sinx", "sin(x)"),
        ("xsinxcosx", "x*sin(x)*cos(x)"),
        ("sin²x", "sin(x)^2"),
        (r"\ln\ln x", "ln(ln(x))"),
        (r"\sin\sin x", "sin(sin(x))"),
        (r"\sin", "none"),
        (r"\sin + 1", "none"),
        (r"30^\circ", "none"),
    ]);
}

#[test]
fn functions_under_every_name() {
    check(&[
        (r"\sin^{-1} x", "arcsin(x)"),
        (r"\tan^{-1}(2)", "arctan(2)"),
        (r"\operatorname{arctan} x", "arctan(x)"),
        (r"\mathrm{sin}(x)", "sin(x)"),
        ("asin(1)", "arcsin(1)"),
        (r"\log 100", "ln(100)/ln(10)"),
        (r"\log_2 8", "ln(8)/ln(2)"),
        (r"\log_{b} a", "ln(a)/ln(b)"),
        (r"\log_2(8)", "ln(8)/ln(2)"),
        (r"\log_2^3 x", "(ln(x)/ln(2))^3"),
        ("log2(8)", "ln(8)/ln(2)"),
        ("log10(x)", "ln(x)/ln(10)"),
        ("log₂8", "ln(8)/ln(2)"),
        (r"\exp(x)", "e^x"),
        (r"\sech x", "1/cosh(x)"),
        ("tg x", "tan(x)"),
        (r"\cot^2 x", "cot(x)^2"),
        ("f(x+1)", "f(x + 1)"),
        ("g(x,y)", "g(x, y)"),
        ("f^{-1}(x)", "f^{-1}(x)"),
        ("f'(2)", "f'(2)"),
        ("x(y+1)", "x*(y + 1)"),
        ("a(b+c)", "a*(b + c)"),
        (r"\max(a,b)", "max(a, b)"),
        (r"\gcd\{a,b\}", "gcd(a, b)"),
    ]);
}

#[test]
fn letters_are_variables_or_constants() {
    check(&[
        ("xy", "x*y"),
        ("abc", "a*b*c"),
        ("AB", "A*B"),
        ("π", "pi"),
        ("pi", "pi"),
        ("2pi", "2*pi"),
        (r"\mathrm{e}", "e"),
        ("3i", "3*i"),
        ("x_1", "x_{1}"),
        ("x_{1}", "x_{1}"),
        ("a_{n + 1}", "a_{n+1}"),
        ("e_1", "e_{1}"),
        (r"\alpha+\theta_0", r"\alpha + \theta_{0}"),
        ("theta", r"\theta"),
        ("φ", r"\phi"),
        (r"\varphi", r"\phi"),
        ("x'", "x'"),
        (r"f^{\prime\prime}", "f''"),
        (r"\vec{v}", r"\vec{v}"),
        (r"\vec v_1", r"\vec{v}_{1}"),
        (r"\hat x", r"\hat{x}"),
        (r"\bar{z}", r"\overline{z}"),
        (r"\overline{AB}", r"\overline{AB}"),
        (r"\mathbf{v}", "v"),
        (r"\mathrm{A}", "A"),
        (r"\overline{z+1}", "none"),
        (r"\text{cm}", "none"),
        ("blue", "none"),
        ("second", "none"),
        ("x or y", "none"),
    ]);
}

#[test]
fn what_is_no_expression() {
    for text in [
        "",
        " ",
        ".",
        "-",
        "+",
        "*",
        "x=1",
        "x<1",
        r"x\le1",
        "1,2",
        r"1\pm2",
        r"\infty",
        r"\sum x",
        r"\int x",
        "{1;2}",
        r"\{1\}",
        "5%",
        "5°",
        "$5$ $",
        "3:4",
        r"\begin{pmatrix}1\end{pmatrix}",
        "x&y",
        "\u{0}",
        "}{",
        "}",
        "{",
        "_",
        "x_",
        "x__",
        "^",
        "^2",
        "/2",
        "2/",
        r"2\cdot",
        "2**+",
        "x!!",
        "日本",
        "é",
        "\\",
        "a_{",
        r"\vec",
        r"\vec{}",
        "f(",
        "f()",
        "f(,)",
        r"\max",
        r"\log_",
        r"\sin^",
        r"\frac12\over",
        r"\lfloor x",
        "[x",
        "1..2",
        "x..",
        "1/0/",
    ] {
        assert_eq!(shown(text), "none", "{text:?}");
    }
}

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
