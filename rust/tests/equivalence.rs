//! What is equal to what, as a table. The rules are in `answer::compare`.

use pgkern::extract::Mode;
use pgkern::options::{Options, Order, Percent, Tolerance, Units};
use pgkern::verdict::Verdict::{self, BadGold, Correct, NoAnswer, Unparsed, Wrong};
use pgkern::verify;

fn equivalent(answer: &str, golds: &[&str]) -> Verdict {
    verify::equivalent(answer, golds, &Options::default())
}

fn verify(completion: &str, golds: &[&str], mode: Mode) -> Verdict {
    verify::verify(completion, golds, mode, &Options::default())
}

fn check(table: &[(&str, &str, Verdict)]) {
    for (gold, answer, verdict) in table {
        assert_eq!(equivalent(answer, &[gold]), *verdict, "gold {gold:?}, answer {answer:?}");
    }
}

#[test]
fn numbers_are_exact() {
    check(&[
        ("7", "+7", Correct),
        ("1000", "1,000", Correct),
        ("1000", "1,00", Wrong),
        ("10000", "9999", Wrong),
        ("12345678901234567890", "12345678901234567891", Wrong),
        (r"\frac{1}{3}", "0.333333333", Wrong),
        ("0.25", r"\frac{1}{4}", Correct),
        ("2.5", r"2\frac{1}{2}", Correct),
        ("2", "2 2/3", Wrong),
        ("10^{-10}", "10^{-11}", Wrong),
        (r"6.02\times 10^{23}", r"6.02 \cdot 10^{23}", Correct),
        ("5", "x = 5", Correct),
        ("x=5", "y=5", Wrong),
        ("1", "ab = 1", Wrong),
        ("5", r"2x = 5", Wrong),
        ("5", "(5)", Correct),
        ("5", "five", Correct),
    ]);
}

#[test]
fn percentages_and_cents_have_a_rule() {
    check(&[
        (r"10\%", "10 percent", Correct),
        (r"10\%", r"\frac{1}{10}", Correct),
        (r"10\%", "10", Correct),
        ("10", "10%", Correct),
        ("0.1", r"1000\%", Wrong),
        ("0.5", "0.5%", Wrong),
        ("1", "1%", Wrong),
        (r"10\%", r"100\%", Wrong),
        ("0.5", "50 cents", Correct),
        ("$0.50", "50 cents", Correct),
    ]);
}

#[test]
fn units_are_dropped_on_one_side_only() {
    check(&[
        ("10", "$10", Correct),
        ("10", "10 dollars", Correct),
        ("$10", "10 dollars", Correct),
        ("3", "4 apples", Wrong),
        ("3", "3 apples", Correct),
        (r"10\text{ cm}^2", "10", Correct),
        ("864 \\mbox{ inches}^2", "864", Correct),
        ("45^{\\circ}", "45 degrees", Correct),
        ("10 cm", "10 m", Wrong),
        (r"10\text{ cm}", "10 centimeters", Correct),
        ("3", "3 million", Wrong),
        ("3", "3 dozen", Wrong),
        ("3", "3x", Wrong),
        ("3", r"3\pi", Wrong),
        ("6", "3 pairs", Unparsed),
    ]);
}

#[test]
fn lists_tuples_and_intervals() {
    check(&[
        ("1,-2", "-2, 1", Correct),
        ("1,2", "1,2,3", Wrong),
        ("1,2", "1", Wrong),
        ("5", "5 or 6", Wrong),
        ("639/40", r"15\frac{39}{40} or \frac{639}{40}", Correct),
        ("5 or 6", "5", Wrong),
        ("x=2, y=3", "2, 3", Correct),
        ("x=2, y=3", "3, 2", Wrong),
        ("x=2, y=3", "y=3, x=2", Correct),
        ("x=2, y=3", "x=3, y=2", Wrong),
        ("5", "5, but maybe 6", Wrong),
        (r"2 \text{ and } 3", "2, 3", Correct),
        (r"x=1 \text{ or } x=2", "1,2", Correct),
        (r"\pm 3", "3,-3", Correct),
        (r"1 \pm \sqrt{19}", r"1 + \sqrt{19}, 1 - \sqrt{19}", Correct),
        (r"\{1, 2\}", "2, 1", Correct),
        ("(1,2)", "(2,1)", Wrong),
        ("(1,2)", "[1,2]", Wrong),
        ("(1,2)", r"\left(1,2\right)", Correct),
        (r"(\frac12,3)", "(0.5,3)", Correct),
        ("(1,234)", "1234", Wrong),
        ("]0,1[", "(0,1)", Correct),
        ("1,1,2", "1,2,2", Wrong),
        (r"\begin{pmatrix}1/3\\2\end{pmatrix}", r"\begin{bmatrix}\frac13\\ 2\end{bmatrix}", Correct),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}", Wrong),
    ]);
}

#[test]
fn words_choices_times_and_ratios() {
    check(&[
        (r"\text{yes}", "Yes", Correct),
        (r"\text{odd}", "even", Wrong),
        ("C", "c", Correct),
        ("C", "C) 42", Correct),
        ("C", "(A), (C), and (E)", Wrong),
        ("C", "D", Wrong),
        ("B", "The answer is B", Correct),
        ("x", "X", Wrong),
        ("4:30", "4:30 p.m.", Correct),
        ("4:30 a.m.", "4:30 p.m.", Wrong),
        ("4:30", "2:15", Wrong),
        ("6:8", "3:4", Correct),
        ("3:4", r"\frac{3}{4}", Correct),
        ("204_5", "204_6", Wrong),
        ("a_1", "a_{1}", Correct),
    ]);
}

#[test]
fn units_convert_exactly() {
    check(&[
        ("10 cm", "0.1 m", Correct),
        ("10 cm", "10 kg", Wrong),
        ("1 hour", "60 minutes", Correct),
        ("90 minutes", "1 hour 30 minutes", Correct),
        ("5 m/s", "18 km/h", Correct),
        (r"3\pi \text{ cm}^2", r"3\pi", Correct),
        (r"3\pi \text{ cm}^2", r"3\pi \text{ m}^2", Wrong),
        (r"5\sqrt{2} cm", r"\sqrt{50}\text{ cm}", Correct),
        ("32°F", "0°C", Correct),
        ("180^\\circ", r"\pi \text{ rad}", Correct),
        ("45^\\circ", r"\frac{\pi}{4}", Correct),
        ("3 apples", "3 pears", Wrong),
        ("5 m", "5", Wrong),
        (r"5\text{ m}", "500 cm", Correct),
        ("$1.50", "150 cents", Correct),
        ("$5", "€5", Wrong),
        ("3 million", "3,000,000", Correct),
        ("twenty-five", "25", Correct),
        ("3rd", "third", Correct),
    ]);
}

#[test]
fn sets_of_real_numbers_have_many_spellings() {
    check(&[
        ("x>2", r"(2,\infty)", Correct),
        ("x>2", r"x \ge 2", Wrong),
        ("x>2", "2x > 4", Correct),
        ("x>2", "-2x < -4", Correct),
        ("-7<a<24", "(-7,24)", Correct),
        (r"x \in [-2,7]", "[-2,7]", Correct),
        (r"(-\infty,1) \cup (2,\infty)", r"x<1 \text{ or } x>2", Correct),
        (r"x \ne 1", r"\mathbb{R} \setminus \{1\}", Correct),
        (r"\{x | x>3\}", "x>3", Correct),
        (r"\emptyset", "no solution", Correct),
        (r"(-\infty, \infty)", "all real numbers", Correct),
        ("(1,2)", "1<x<2", Correct),
        (r"x > a", "a < x", Correct),
        (r"x + y > 1", "-x - y < -1", Correct),
        (r"x + y > 1", "x + y < 1", Wrong),
        (r"\{5\}", "5", Correct),
    ]);
}

#[test]
fn relations_times_dates_and_digits() {
    check(&[
        ("2x+y=3", "y=3-2x", Correct),
        ("y=2x+1", "2x+1", Correct),
        ("y=2x+1", "y=2x+2", Wrong),
        ("x=5", "x-5=0", Correct),
        ("(x,y)=(1,2)", "x=1, y=2", Correct),
        ("(x,y)=(1,2)", "x=2, y=1", Wrong),
        (r"x \equiv 3 \pmod 7", r"x \equiv 10 \pmod{7}", Correct),
        (r"x \equiv 3 \pmod 7", r"x \equiv 3 \pmod{8}", Wrong),
        ("204_5", "204", Correct),
        ("204_5", "54", Wrong),
        ("16:30", "4:30 p.m.", Correct),
        ("May 5, 2024", "2024-05-05", Correct),
        ("May 5, 2024", "6 May 2024", Wrong),
        ("1:2:3", "2:4:6", Correct),
        (r"\frac{2}{3} \approx 0.67", r"\frac{2}{3}", Correct),
    ]);
}

#[test]
fn decimals_stand_for_irrational_numbers_by_a_rule() {
    check(&[
        (r"2\pi", "6.283185307", Correct),
        (r"2\pi", "6.28318531", Correct),
        (r"2\pi", "6.28318532", Wrong),
        (r"\sqrt{2}", "1.4142135623", Correct),
        (r"\sqrt{2}", "1.4142135624", Correct),
        (r"\sqrt{2}", "1.4142135622", Wrong),
        (r"2\pi", "6.28", Wrong),
        (r"-\sqrt{2}", "-1.414213562", Correct),
        (r"\frac{1}{3}", "0.333333333333", Wrong),
    ]);
    let near = Options { tolerance: Tolerance::Relative(0.01), ..Options::default() };
    assert_eq!(verify::equivalent("6.28", &[r"2\pi"], &near), Correct);
    assert_eq!(verify::equivalent("0.33", &[r"\frac13"], &near), Correct);
    assert_eq!(verify::equivalent("0.32", &[r"\frac13"], &near), Wrong);
    let exact = Options { tolerance: Tolerance::Exact, ..Options::default() };
    assert_eq!(verify::equivalent("6.283185307", &[r"2\pi"], &exact), Wrong);
}

#[test]
fn options_change_the_rules() {
    let percent = |percent| Options { percent, ..Options::default() };
    assert_eq!(verify::equivalent("10", &[r"10\%"], &percent(Percent::Hundredths)), Wrong);
    assert_eq!(verify::equivalent("10", &[r"10\%"], &percent(Percent::Number)), Correct);
    assert_eq!(verify::equivalent("0.1", &[r"10\%"], &percent(Percent::Number)), Wrong);
    let units = |units| Options { units, ..Options::default() };
    assert_eq!(verify::equivalent("5", &["5 cm"], &units(Units::Required)), Wrong);
    assert_eq!(verify::equivalent("50 mm", &["5 cm"], &units(Units::Required)), Correct);
    assert_eq!(verify::equivalent("5 m", &[r"5\text{ cm}"], &units(Units::Ignored)), Correct);
    let order = |order| Options { order, ..Options::default() };
    assert_eq!(verify::equivalent("2, 1", &["1, 2"], &order(Order::Ordered)), Wrong);
    assert_eq!(verify::equivalent("(2, 1)", &["(1, 2)"], &order(Order::Any)), Correct);
}

#[test]
fn what_is_not_read_is_never_right_by_chance() {
    check(&[
        ("x^2", "x^3", Wrong),
        ("x^2+2x+1", "x^2+2x+1", Correct),
        ("", "5", BadGold),
        ("5", "", NoAnswer),
        ("5", "\\sqrt{25}", Correct),
        (r"9\pi", "9 π", Correct),
    ]);
}

#[test]
fn any_of_several_golds_is_accepted() {
    assert_eq!(equivalent("0.5", &["7", "1/2"]), Correct);
    assert_eq!(equivalent("0.6", &["7", "1/2"]), Wrong);
    assert_eq!(equivalent("0.6", &["", "1/2"]), Wrong);
    assert_eq!(equivalent("0.6", &[]), BadGold);
}

#[test]
fn completions_are_judged_by_their_last_word() {
    for (gold, completion, verdict) in [
        ("42", "<think>\\boxed{42}</think> The answer is \\boxed{41}.", Wrong),
        ("42", "The value is 42. \\boxed{}", NoAnswer),
        ("42", "First I got \\boxed{41}. Correcting: \\boxed{42}.", Correct),
        ("2", "\\boxed{1} and \\boxed{2}", Wrong),
        ("1,2", "\\boxed{1} and \\boxed{2}", Correct),
        ("42", "#### $42", Correct),
        ("42", "The question says 42. I do not know.", NoAnswer),
        ("5", "\\boxed{\\$5}", Correct),
    ] {
        assert_eq!(verify(completion, &[gold], Mode::Auto), verdict, "{completion}");
    }
}
