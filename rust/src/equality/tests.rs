//! Identities that hold, and near misses that do not.

use std::cmp::Ordering::{Equal, Greater, Less};

use super::{Equality, Factor, equal, factor, order, proportional, value};
use crate::budget::{Budget, OverBudget};
use crate::expression::Expression;
use crate::expression::parse::parse_text;

fn read(text: &str) -> Expression {
    match parse_text(text, &Budget::for_one_check()) {
        Ok(Some(expression)) => expression,
        other => panic!("{text} is read as {other:?}"),
    }
}

fn compare(one: &str, other: &str) -> Result<Equality, OverBudget> {
    equal(&read(one), &read(other), &Budget::for_one_check())
}

fn check(table: &[(&str, &str)], expected: Equality) {
    let mut wrong = Vec::new();
    for (one, other) in table {
        for (one, other) in [(one, other), (other, one)] {
            let found = compare(one, other);
            if found != Ok(expected) {
                wrong.push(format!("{one}  against  {other}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not {expected:?}:\n{}", wrong.join("\n"));
}

#[test]
fn rational_functions() {
    check(
        &[
            ("(x+1)^2", "x^2+2x+1"),
            ("(x-1)(x+1)", "x^2-1"),
            ("x/x", "1"),
            (r"\frac{x^2-1}{x-1}", "x+1"),
            (r"\frac{1}{x}+\frac{1}{y}", r"\frac{x+y}{xy}"),
            (r"\frac{1}{x-1}-\frac{1}{x+1}", r"\frac{2}{x^2-1}"),
            ("x^{-1}", r"\frac1x"),
            (r"\frac{1}{1+\frac{1}{x}}", r"\frac{x}{x+1}"),
            ("(a+b+c)^3", "a^3+b^3+c^3+3(a+b)(b+c)(c+a)"),
            ("(x+y)^{10}", "(y+x)^{10}"),
            ("(x+y)^{3}-3xy(x+y)", "x^3+y^3"),
            ("2(x+y)", "2x+2y"),
            ("0.5x", r"\frac{x}{2}"),
            ("-(a-b)", "b-a"),
            (r"\frac{a-b}{b-a}", "-1"),
            ("n(n+1)/2", r"\frac{n^2+n}{2}"),
            ("x^6-1", "(x-1)(x+1)(x^2+x+1)(x^2-x+1)"),
        ],
        Equality::Equal,
    );
    check(
        &[
            ("(x+1)^2", "x^2+1"),
            ("x", "y"),
            ("x", "-x"),
            (r"\frac{x+1}{x-1}", r"\frac{x-1}{x+1}"),
            ("2x+1", "2x-1"),
            ("x^2", "x^3"),
            ("x^{-1}", "x"),
            ("(a+b+c)^3", "a^3+b^3+c^3+3(a+b)(b+c)(c+d)"),
            ("n(n+1)/2", "n(n-1)/2"),
            ("x", "0"),
            ("x/y", "y/x"),
        ],
        Equality::Different,
    );
}

#[test]
fn roots_of_numbers() {
    check(
        &[
            (r"\sqrt{8}", r"2\sqrt2"),
            (r"\sqrt{6}", r"\sqrt2\sqrt3"),
            (r"\frac{1}{\sqrt2}", r"\frac{\sqrt2}{2}"),
            (r"\sqrt[3]{16}", r"2\sqrt[3]{2}"),
            ("4^{3/2}", "8"),
            ("2^{1/2}2^{1/3}", "2^{5/6}"),
            (r"\sqrt{-4}", "2i"),
            (r"\sqrt[3]{-8}", "-2"),
            (r"\sqrt{\frac{3}{4}}", r"\frac{\sqrt3}{2}"),
            (r"\sqrt{0.5}", r"\frac{\sqrt{2}}{2}"),
            (r"\frac{1}{1+\sqrt2}", r"\sqrt2-1"),
            (r"\frac{1}{\sqrt3-\sqrt2}", r"\sqrt3+\sqrt2"),
            (r"\frac{6}{\sqrt{3}}", r"2\sqrt{3}"),
            (r"(1+\sqrt2)^2", r"3+2\sqrt2"),
            (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2"),
            (r"\sqrt{3-2\sqrt2}", r"\sqrt2-1"),
            (r"\sqrt{5+2\sqrt6}", r"\sqrt2+\sqrt3"),
            (r"\sqrt{7-4\sqrt3}", r"2-\sqrt3"),
            (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "1"),
            (r"\sqrt[3]{7+5\sqrt2}", r"1+\sqrt2"),
            (r"\sqrt{2+\sqrt3}", r"\frac{\sqrt6+\sqrt2}{2}"),
            (r"\sqrt[6]{27}", r"\sqrt3"),
            (r"27^{-2/3}", r"\frac19"),
            (r"\sqrt{2}^{\,2}", "2"),
            (r"\sqrt{1000003^2}", "1000003"),
            (r"\sqrt{18446744082299486209}", r"\sqrt{18446744082299486209}+0"),
            (r"\sqrt{\sqrt{16}}", "2"),
            (r"\sqrt{\sqrt{2}}", "2^{1/4}"),
            ("(-8)^{1/3}", "-2"),
            (r"\frac{3+\sqrt5}{2}", r"(\frac{1+\sqrt5}{2})^2"),
        ],
        Equality::Equal,
    );
    check(
        &[
            (r"\sqrt{8}", r"3\sqrt2"),
            (r"\sqrt{2}", r"\frac{141421356}{100000000}"),
            (r"\sqrt2+\sqrt3", r"\sqrt5"),
            (r"\sqrt[3]{2}", r"\sqrt2"),
            (r"\sqrt{3+2\sqrt2}", r"1+\sqrt3"),
            (r"\sqrt{-4}", "-2i"),
            (r"\sqrt{2}", r"-\sqrt2"),
            (r"\sqrt{10^{40}+1}", "10^{20}"),
            (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"),
            ("0.333333333", r"\frac13"),
            ("9999", "10000"),
            (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "1.000000001"),
        ],
        Equality::Different,
    );
}

#[test]
fn roots_of_variables() {
    check(
        &[
            (r"\sqrt{x^2}", "|x|"),
            (r"\sqrt{x}\sqrt{y}", r"\sqrt{xy}"),
            (r"\sqrt{x^2y}", r"|x|\sqrt{y}"),
            (r"\sqrt{12x}", r"2\sqrt3\sqrt{x}"),
            (r"\frac{\sqrt{x}}{x}", r"\frac{1}{\sqrt{x}}"),
            (r"\sqrt{x}^2", "x"),
            ("x^{1/2}", r"\sqrt{x}"),
            (r"\sqrt[3]{x^3}", "x"),
            (r"\sqrt[3]{-x}", r"-\sqrt[3]{x}"),
            (r"\sqrt{4x+4}", r"2\sqrt{x+1}"),
            (r"\sqrt{x^2+2x+1}", "|x+1|"),
            (r"\sqrt{x^2-1}", r"\sqrt{x-1}\sqrt{x+1}"),
            (r"\sqrt{x^3}", r"x\sqrt{x}"),
            (r"\frac{1}{\sqrt{x+1}}", r"\frac{\sqrt{x+1}}{x+1}"),
            (r"\frac{1}{\sqrt{x+1}-\sqrt{x}}", r"\sqrt{x+1}+\sqrt{x}"),
            (r"\sqrt{\frac{x}{y^2}}", r"\frac{\sqrt{x}}{|y|}"),
            ("|x|^2", "x^2"),
            ("|-x|", "|x|"),
            ("|3x|", "3|x|"),
            ("|x-y|", "|y-x|"),
            ("|xy|", "|x||y|"),
            (r"\sqrt{x^2+1}", r"\sqrt{1+x^2}"),
            (r"\sqrt{-x}", r"\sqrt{-x}+0"),
            (r"\sqrt{a^2+b^2}^2", "b^2+a^2"),
            (r"\frac{x}{\sqrt{x}}", r"\sqrt{x}"),
            (r"x^{3/2}x^{1/2}", "x^2"),
            (r"\sqrt{x+2\sqrt{x}+1}", r"1+\sqrt{x}"),
            (r"\sqrt{\frac{1-x}{1+x}}", r"\frac{\sqrt{1-x^2}}{1+x}"),
        ],
        Equality::Equal,
    );
    check(
        &[
            (r"\sqrt{x^2}", "x"),
            (r"\sqrt{x^2}", "-x"),
            (r"\sqrt{x^2+1}", "x+1"),
            (r"\sqrt{x+y}", r"\sqrt{x}+\sqrt{y}"),
            ("|x+y|", "|x|+|y|"),
            ("|x-1|", "x-1"),
            (r"\sqrt{x^2+2x+1}", "x+1"),
            (r"\sqrt{x}", r"\sqrt[3]{x}"),
            (r"\sqrt{x+2\sqrt{x-1}}", r"\sqrt{x-1}-1"),
            (r"\sqrt{x+1}", r"\sqrt{x-1}"),
            (r"\sqrt{x^2y}", r"x\sqrt{y}"),
        ],
        Equality::Different,
    );
}

#[test]
fn powers_and_logarithms() {
    check(
        &[
            ("4^x", "2^{2x}"),
            ("2^{x+1}", r"2\cdot2^x"),
            ("e^{2x}", "(e^x)^2"),
            ("x^{n+1}", r"x\cdot x^n"),
            ("e^{x/2}e^{x/2}", "e^x"),
            (r"e^{\ln 2}", "2"),
            (r"2^{\log_2 5}", "5"),
            (r"6^{\log_6 x}", "x"),
            (r"10^{\log_{10} 3}", "3"),
            (r"e^{x\ln 2}", "2^x"),
            (r"2^n3^n", "6^n"),
            (r"(\frac12)^n", "2^{-n}"),
            (r"\frac{x^{2n}}{x^n}", "x^n"),
            ("(-1)^{n+1}", "-(-1)^n"),
            ("(-1)^{2n}", "1"),
            ("(-2)^n", "(-1)^n2^n"),
            (r"\ln 8", r"3\ln 2"),
            (r"\ln\frac12", r"-\ln 2"),
            (r"\ln(x^2)", r"2\ln|x|"),
            (r"\ln(xy)", r"\ln x+\ln y"),
            (r"\ln(x/y)", r"\ln x-\ln y"),
            (r"\ln e", "1"),
            (r"\ln e^x", "x"),
            (r"\ln(e^2 x)", r"2+\ln x"),
            (r"\log_2 8", "3"),
            (r"\log_4 8", r"\frac32"),
            (r"\log_2 3\log_3 4", "2"),
            (r"\log_3 x", r"\frac{\ln x}{\ln 3}"),
            (r"\frac{\ln 9}{\ln 3}", "2"),
            (r"\ln(x^2-1)", r"\ln(x-1)+\ln(x+1)"),
            (r"\ln\frac{x+1}{x-1}", r"\ln(x+1)-\ln(x-1)"),
            (r"\ln((x+1)^3)", r"3\ln(x+1)"),
            (r"\ln\sqrt{x}", r"\frac12\ln x"),
            (r"\ln 6", r"\ln 2+\ln 3"),
            (r"\sinh x", r"\frac{e^x-e^{-x}}{2}"),
            (r"\cosh^2 x-\sinh^2 x", "1"),
            (r"\tanh x", r"\frac{e^{2x}-1}{e^{2x}+1}"),
            (r"(x+1)^{n}(x+1)", "(x+1)^{n+1}"),
            (r"\ln(2+\sqrt3)", r"-\ln(2-\sqrt3)"),
            (r"\sqrt{4^x}", "2^x"),
            (r"\sqrt{e^{2x}}", "e^x"),
            ("(x^a)^b", "x^{ab}"),
            ("(1-x)^n", "(-1)^n(x-1)^n"),
            ("(x-1)^{2n}", "|x-1|^{2n}"),
            (r"\frac{1-r^{n+1}}{1-r}", r"\frac{r^{n+1}-1}{r-1}"),
            (r"\frac{1-(-2)^n}{3}", r"\frac{1-(-1)^n2^n}{3}"),
        ],
        Equality::Equal,
    );
    check(
        &[
            ("4^x", "2^{x+2}"),
            ("2^x", "3^x"),
            ("2^{x+1}", "2^x+1"),
            ("e^x", "e^{-x}"),
            (r"\ln 8", r"2\ln 3"),
            (r"\ln(x+y)", r"\ln x+\ln y"),
            (r"\ln x", r"\log_{10} x"),
            (r"\log_2 3", r"\log_3 2"),
            ("(-1)^n", "(-1)^{n+1}"),
            (r"\frac{\ln 3}{\ln 2}", "1.5849625"),
            ("x^n", "x^{n-1}"),
            ("2^n", "n^2"),
            ("|x-1|^n", "(x-1)^n"),
            ("|x|^n", "x^n"),
            (r"\ln(x^2-1)", r"\ln(x-1)+\ln(x+2)"),
            (r"e^\pi", r"\pi^e"),
            (r"e^{\pi\sqrt{163}}", "262537412640768744"),
        ],
        Equality::Different,
    );
}

#[test]
fn angles() {
    check(
        &[
            (r"2\sin x\cos x", r"\sin 2x"),
            (r"\cos^2 x-\sin^2 x", r"\cos 2x"),
            (r"1-2\sin^2 x", r"\cos 2x"),
            (r"2\cos^2 x-1", r"\cos 2x"),
            (r"\sin^2 x+\cos^2 x", "1"),
            (r"\tan x", r"\frac{\sin x}{\cos x}"),
            (r"1+\tan^2 x", r"\sec^2 x"),
            (r"\sin(x+y)", r"\sin x\cos y+\cos x\sin y"),
            (r"\sin x\sin y", r"\frac{\cos(x-y)-\cos(x+y)}{2}"),
            (r"\sin(-x)", r"-\sin x"),
            (r"\cos(\frac{\pi}{2}-x)", r"\sin x"),
            (r"\sin(x+\pi)", r"-\sin x"),
            (r"\sin\frac{\pi}{12}", r"\frac{\sqrt6-\sqrt2}{4}"),
            (r"\cos\frac{\pi}{5}", r"\frac{1+\sqrt5}{4}"),
            (r"\sin\frac{\pi}{10}", r"\frac{\sqrt5-1}{4}"),
            (r"\cos\frac{\pi}{8}", r"\frac{\sqrt{2+\sqrt2}}{2}"),
            (r"\sin\frac{\pi}{5}", r"\frac{\sqrt{10-2\sqrt5}}{4}"),
            (r"\tan\frac{\pi}{12}", r"2-\sqrt3"),
            (r"\tan\frac{\pi}{4}", "1"),
            (r"\cos\frac{\pi}{7}-\cos\frac{2\pi}{7}+\cos\frac{3\pi}{7}", r"\frac12"),
            (r"\sin 3x", r"3\sin x-4\sin^3 x"),
            (r"\cos 3x", r"4\cos^3 x-3\cos x"),
            (r"\tan 2x", r"\frac{2\tan x}{1-\tan^2 x}"),
            (r"\sin^2\frac{x}{2}", r"\frac{1-\cos x}{2}"),
            (r"\tan\frac{x}{2}", r"\frac{\sin x}{1+\cos x}"),
            (r"\sqrt{1-\cos^2 x}", r"|\sin x|"),
            (r"\sin x+\sqrt3\cos x", r"2\sin(x+\frac{\pi}{3})"),
            (r"\arctan 1", r"\frac{\pi}{4}"),
            (r"\arcsin\frac12", r"\frac{\pi}{6}"),
            (r"\arccos(-\frac12)", r"\frac{2\pi}{3}"),
            (r"\arctan\sqrt3", r"\frac{\pi}{3}"),
            (r"\arctan(-x)", r"-\arctan x"),
            (r"\sin(\arccos x)", r"\sqrt{1-x^2}"),
            (r"\sin(\arctan x)", r"\frac{x}{\sqrt{1+x^2}}"),
            (r"\cot x", r"\frac{1}{\tan x}"),
            (r"\csc^2 x-\cot^2 x", "1"),
            (r"\frac{1-\cos 2x}{\sin 2x}", r"\tan x"),
            (r"\sin(2\pi n+x)", r"\sin(x+2\pi n)"),
            (r"\cos\sqrt2x", r"\cos(-\sqrt2x)"),
            (r"\sin^4 x-\cos^4 x", r"-\cos 2x"),
        ],
        Equality::Equal,
    );
    check(
        &[
            (r"2\sin x\cos x", r"\cos 2x"),
            (r"\sin x", r"\cos x"),
            (r"\sin^2 x", r"\sin x^2"),
            (r"\tan x", r"\cot x"),
            (r"\sin\frac{\pi}{12}", r"\frac{\sqrt6+\sqrt2}{4}"),
            (r"\sin(x+y)", r"\sin x+\sin y"),
            (r"\arctan x", r"\arctan 2x"),
            (r"\arcsin\frac12", r"\frac{\pi}{3}"),
            (r"\sin 3x", r"3\sin x-4\cos^3 x"),
            (r"\cos\frac{\pi}{7}", "0.9009688679"),
            (r"\pi", r"\frac{355}{113}"),
            (r"\pi", "3.14"),
            (r"\pi", r"\frac{\pi^2}{3}"),
            (r"\sin 1", r"\sin 2"),
            (r"\sqrt{1-\cos^2 x}", r"\sin x"),
        ],
        Equality::Different,
    );
}

#[test]
fn complex_numbers() {
    check(
        &[
            (r"\frac{1}{1+i}", r"\frac{1-i}{2}"),
            ("(1+i)^2", "2i"),
            ("i^3", "-i"),
            (r"e^{i\pi}", "-1"),
            (r"e^{i\pi/3}", r"\frac12+\frac{\sqrt3}{2}i"),
            (r"e^{ix}", r"\cos x+i\sin x"),
            ("|3+4i|", "5"),
            (r"\sqrt{i}", r"\frac{1+i}{\sqrt2}"),
            (r"(a+bi)(a-bi)", "a^2+b^2"),
            (r"\frac{2+3i}{1-2i}", r"\frac{-4+7i}{5}"),
            (r"e^{2\pi i/5}+e^{-2\pi i/5}", r"\frac{\sqrt5-1}{2}"),
            (r"\sqrt{3+4i}", "2+i"),
        ],
        Equality::Equal,
    );
    check(
        &[
            ("3+4i", "3-4i"),
            ("i", "1"),
            ("(1+i)^2", "2"),
            (r"e^{i\pi/3}", r"\frac12-\frac{\sqrt3}{2}i"),
            ("ix", "x"),
            ("|3+4i|", "7"),
        ],
        Equality::Different,
    );
}

#[test]
fn whole_number_functions() {
    check(
        &[
            ("(n+1)!", r"(n+1)\cdot n!"),
            (r"\frac{n!}{(n-2)!}", "n(n-1)"),
            ("5!", "120"),
            (r"\binom{10}{3}", "120"),
            (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"),
            (r"\binom{n}{k}", r"\frac{n!}{k!(n-k)!}"),
            (r"\binom{n}{k}", r"\binom{n}{n-k}"),
            (r"\binom{n}{n-1}", "n"),
            (r"\frac{100!}{98!}", "9900"),
            (r"\lfloor 3.7\rfloor", "3"),
            (r"\lceil -3.7\rceil", "-3"),
            (r"\lfloor\sqrt{10}\rfloor", "3"),
            (r"\lfloor x+1\rfloor", r"\lfloor x\rfloor+1"),
            (r"\lceil x\rceil", r"-\lfloor -x\rfloor"),
            ("f(x+1)", "f(1+x)"),
            ("2f(x)", "f(x)+f(x)"),
            (r"\binom{2024}{1012}", r"\binom{2024}{1012}+0"),
            (r"\frac{2024!}{2023!}", "2024"),
        ],
        Equality::Equal,
    );
    check(
        &[
            ("n!", "(n+1)!"),
            (r"\binom{10}{3}", "121"),
            (r"\binom{n}{2}", r"\frac{n(n+1)}{2}"),
            (r"\lfloor 3.7\rfloor", "4"),
            (r"\lfloor\sqrt{10}\rfloor", "4"),
        ],
        Equality::Different,
    );
}

#[test]
fn what_is_large_ends_within_the_budget() {
    let nested =
        |text: &str, depth: usize, inner: &str| (0..depth).fold(inner.to_owned(), |inner, _| text.replace('#', &inner));
    let sums = (0..200).map(|n| format!("(x+{n})")).collect::<Vec<_>>().concat();
    for (one, other, expected) in [
        ("(x+1)^{3000}", "x", Some(Ok(Equality::Different))),
        ("(x+1)^{3000}", "(1+x)^{3000}", Some(Ok(Equality::Equal))),
        ("(x+1)^{3000}", "(x+1)^{2999}(x+1)", Some(Ok(Equality::Equal))),
        ("9^{9^9}", "9^{387420489}", Some(Ok(Equality::Equal))),
        ("9^{9^9}", "9^{387420488}", Some(Ok(Equality::Different))),
        ("99999999!", "1", None),
        (r"\binom{1000000000}{500000000}", "1", None),
        (&nested(r"1+\frac{1}{#}", 45, "x"), &nested(r"1+\frac{1}{#}", 45, "y"), Some(Ok(Equality::Different))),
        (&nested(r"1+\frac{1}{#}", 45, "x"), &nested(r"\frac{1}{#}+1", 45, "x"), Some(Ok(Equality::Equal))),
        (&nested(r"\sqrt{1+#}", 45, "x"), &nested(r"\sqrt{1+#}", 45, "y"), None),
        (&nested(r"\sqrt{1+#}", 48, "2"), &nested(r"\sqrt{1+#}", 47, "2"), None),
        (&sums, "x", Some(Ok(Equality::Different))),
        (&sums, &format!("{sums}+0"), Some(Ok(Equality::Equal))),
        (&nested(r"\sin(#+1)", 40, "x"), "x", None),
        (&nested(r"e^{#+1}", 40, "x"), "x", None),
        (&nested(r"|#-1|", 40, "x"), "x", None),
        (r"\sqrt{a}+\sqrt{b}+\sqrt{c}+\sqrt{d}+\sqrt{f}+\sqrt{g}+\sqrt{h}", "0", None),
        (r"(a+b+c+d+f+g+h)^{40}", "1", Some(Ok(Equality::Different))),
        (r"(\sqrt2+\sqrt3+\sqrt5+\sqrt7+\sqrt{11})^{90}", "1", None),
    ] {
        let budget = Budget::for_one_check();
        let found = equal(&read(one), &read(other), &budget);
        match expected {
            Some(expected) => assert_eq!(found, expected, "{one} against {other}"),
            None => assert_ne!(found, Ok(Equality::Equal), "{one} against {other}"),
        }
    }
}

#[test]
fn equations_are_the_same_up_to_a_factor() {
    for (one, other, expected) in [
        ("2x-4", "x-2", Some(Factor::Positive)),
        ("x-2", "2-x", Some(Factor::Negative)),
        ("x+y-1", r"\sqrt2x+\sqrt2y-\sqrt2", Some(Factor::Positive)),
        (r"\frac{x}{2}+\frac{y}{3}-1", "3x+2y-6", Some(Factor::Positive)),
        ("(1-\\sqrt2)x", "x", Some(Factor::Negative)),
        ("ix", "x", Some(Factor::Other)),
        (r"\pi x", "-x", Some(Factor::Negative)),
        (r"2\sin x\cos x", r"-\sin 2x", Some(Factor::Negative)),
        ("x", "x", Some(Factor::Positive)),
    ] {
        assert_eq!(factor(&read(one), &read(other), &Budget::for_one_check()), Ok(expected), "{one} {other}");
    }
    for (one, other) in [("x-2", "x+2"), ("x", "x^2"), ("x", "y"), ("x+y", "x-y"), (r"\sin x", r"\cos x"), ("x", "0")] {
        assert_eq!(
            proportional(&read(one), &read(other), &Budget::for_one_check()),
            Ok(Equality::Different),
            "{one} {other}"
        );
    }
}

#[test]
fn constants_have_values_and_an_order() {
    for (text, expected) in [
        ("2^{10}", Some("1024")),
        (r"\frac{\sqrt{4}}{2}", Some("1")),
        (r"\log_2 8", Some("3")),
        (r"\sin\frac{\pi}{6}", Some("0.5")),
        (r"(1+\sqrt2)(1-\sqrt2)", Some("-1")),
        (r"\frac{2+2\sqrt2}{1+\sqrt2}", Some("2")),
        (r"\frac{\pi+1}{2\pi+2}", Some("0.5")),
        (r"\sqrt2", None),
        (r"\pi", None),
        ("x", None),
        ("i^2", Some("-1")),
    ] {
        let found = value(&read(text), &Budget::for_one_check()).expect("within the budget");
        let expected = expected.map(|text| value(&read(text), &Budget::for_one_check()).expect("a number"));
        assert_eq!(found, expected.flatten(), "{text}");
    }
    for (one, other, expected) in [
        (r"\sqrt2", "1.5", Some(Less)),
        (r"\pi", "3", Some(Greater)),
        (r"\ln 8", r"3\ln 2", Some(Equal)),
        (r"\sqrt8", r"2\sqrt2", Some(Equal)),
        ("x", "1", None),
    ] {
        assert_eq!(order(&read(one), &read(other), &Budget::for_one_check()), Ok(expected), "{one} {other}");
    }
}

#[test]
fn sums_of_known_angles() {
    check(
        &[
            (r"\arctan 2+\arctan 3", r"\frac{3\pi}{4}"),
            (r"\arctan 1+\arctan 2+\arctan 3", r"\pi"),
            (r"3\arctan\frac14+\arctan\frac{5}{99}", r"\frac{\pi}{4}"),
            (r"2\arctan\frac13+\arctan\frac17", r"\frac{\pi}{4}"),
            (r"\arcsin\frac35+\arcsin\frac45", r"\frac{\pi}{2}"),
            (r"2\arctan\frac12", r"\arctan\frac43"),
            (r"\arcsin\frac35", r"\arctan\frac34"),
        ],
        Equality::Equal,
    );
    check(
        &[
            (r"\arctan 2+\arctan 3", r"-\frac{\pi}{4}"),
            (r"2\arctan 2", r"\arctan(-\frac43)"),
            (r"\arctan\frac12+\arctan\frac13", r"\frac{9\pi}{4}"),
        ],
        Equality::Different,
    );
}

#[test]
fn exponents_of_negative_numbers_are_whole() {
    check(
        &[
            (r"\cos(n\pi)", "(-1)^n"),
            (r"\frac{1-\cos n\pi}{n}", r"\frac{1-(-1)^n}{n}"),
            (r"(-1)^{n+1}", r"-e^{i\pi n}"),
            (r"\cos(2n\pi)+(-1)^n", "1+(-1)^n"),
        ],
        Equality::Equal,
    );
    check(&[(r"\sin(n\pi)+(-1)^n", "(-1)^{n+1}"), (r"\cos(n\pi)", "-(-1)^n")], Equality::Different);
}

#[test]
fn what_is_nowhere_real_together_is_not_the_same() {
    check(&[(r"\ln(-x)", r"\ln x"), (r"\sqrt{-x}", r"\sqrt{x}"), (r"\ln(-x)", r"\sqrt{x}")], Equality::Different);
}

#[test]
fn magnitudes_of_angles() {
    check(
        &[
            (r"\ln|\sec x+\tan x|", r"-\ln|\sec x-\tan x|"),
            (r"-\ln|\cos x|", r"\ln|\sec x|"),
            (r"|\tan x|", r"\frac{|\sin x|}{|\cos x|}"),
        ],
        Equality::Equal,
    );
    check(&[(r"\ln|\sec x+\tan x|", r"\ln|\sec x-\tan x|"), (r"-\ln|\cos x|", r"\ln|\csc x|")], Equality::Different);
}
