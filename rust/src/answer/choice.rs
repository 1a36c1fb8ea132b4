//! Multiple choice: a letter, alone or with what it stands for.

/// The letter a gold is, if it is one of a list of choices (`C`, `(C)`, `\text{(C)}`), and what it stands for where
/// that is said (`C: 42`).
#[must_use]
pub fn letter_of_gold(gold: &str) -> Option<(char, Option<&str>)> {
    let mut bare = gold.trim().trim_matches('$').trim();
    for wrapper in WRAPPERS {
        if let Some(inner) = bare.strip_prefix(wrapper).and_then(|rest| rest.strip_suffix('}')) {
            bare = inner.trim();
        }
    }
    let bracketed = bare.starts_with('(');
    let mut characters = bare.trim_start_matches('(').chars();
    let letter = characters.next().filter(|letter| ('A'..='J').contains(letter))?;
    let rest = characters.as_str();
    if rest.trim_end_matches([')', '.']).is_empty() {
        return Some((letter, None));
    }
    let text = if bracketed {
        rest.strip_prefix(')')?
    } else {
        rest.strip_prefix(": ").or_else(|| rest.strip_prefix(") ")).or_else(|| rest.strip_prefix(". "))?
    };
    let text = text.trim_start_matches([':', '.', ' ']).trim_end();
    (!text.is_empty() && letter_of_answer(gold)?.0 == letter).then_some((letter, Some(text)))
}

/// Whether an answer begins with the label of a choice, whatever it goes on to say: `D) C`.
#[must_use]
pub fn is_labelled(answer: &str) -> bool {
    let bare = answer.trim_start().trim_start_matches(['(', '*', '$']);
    let mut characters = bare.chars();
    characters.next().is_some_and(|letter| letter.is_ascii_uppercase()) && characters.as_str().starts_with([')', ':'])
}

/// Commands that only say how a letter looks.
const WRAPPERS: [&str; 6] = ["\\textbf{", "\\text{", "\\mathrm{", "\\mathbf{", "\\textrm{", "\\boxed{"];

/// The letter an answer chooses (`c`, `(C)`, `C.`, `C) 42`, `\text{C}`), and what it says behind the letter.
#[must_use]
pub fn letter_of_answer(answer: &str) -> Option<(char, &str)> {
    let mut bare = answer.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '$' | '`' | '"'));
    for wrapper in WRAPPERS {
        bare = bare.strip_prefix(wrapper).unwrap_or(bare);
    }
    let lower = bare.to_ascii_lowercase();
    for lead in ["option ", "choice ", "answer "] {
        if lower.starts_with(lead) {
            bare = &bare[lead.len()..];
        }
    }
    let bracketed = bare.starts_with('(');
    let mut characters = bare.trim_start_matches('(').trim_start().chars();
    let letter = characters.next()?.to_ascii_uppercase();
    if !letter.is_ascii_uppercase() {
        return None;
    }
    let rest = characters.as_str();
    let after = rest.trim_start_matches(['}', '*']);
    let closed = after.starts_with([')', ':']) || after.starts_with(". ") || after == "." || after.starts_with(".}");
    let more = after.trim_start_matches([')', '}', '.', ':', ' ']);
    if more.starts_with([',', ';', '&', '/']) || more.starts_with("and ") || more.starts_with("or ") {
        return None; // "(A), (C), and (E)" chooses nothing
    }
    if takes_back(more) {
        return None;
    }
    (after.is_empty() || (closed && (!bracketed || after.starts_with(')')))).then_some((letter, more))
}

/// Whether what follows a letter denies it or names another: `A. not`, `A) B`, `A: 5 is wrong`.
fn takes_back(more: &str) -> bool {
    const DENIALS: [&str; 19] = [
        "not",
        "is",
        "isn't",
        "isn’t",
        "are",
        "or",
        "and",
        "nor",
        "no",
        "wrong",
        "incorrect",
        "false",
        "but",
        "maybe",
        "never",
        "neither",
        "vs",
        "versus",
        "untrue",
    ];
    let bare = more.trim_matches(|c: char| !c.is_alphanumeric());
    let lower = bare.to_lowercase();
    let choice = |c: char| ('A'..='J').contains(&c);
    let mut letters = bare.chars();
    let names_another = match (letters.next(), letters.next()) {
        (Some(letter), None) => choice(letter.to_ascii_uppercase()),
        (Some(letter), Some(next)) => choice(letter) && !next.is_alphanumeric() && next != '\'',
        _ => false,
    };
    let labelled = more
        .as_bytes()
        .windows(3)
        .any(|three| matches!(three[0], b' ' | b'(' | b',' | b';') && choice(char::from(three[1])) && three[2] == b')');
    let first = lower.split(|c: char| !c.is_alphabetic() && c != '\'' && c != '’').next().unwrap_or_default();
    let last = lower.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    names_another || labelled || DENIALS.contains(&first) || matches!(last, "wrong" | "incorrect" | "false")
}

#[cfg(test)]
mod tests {
    use super::{letter_of_answer, letter_of_gold};

    #[test]
    fn letters_are_found_in_their_spellings() {
        for text in [
            "C",
            "c",
            "(C)",
            "C.",
            "C)",
            "C) 42",
            "C. forty-two",
            "C: 42",
            r"\text{C}",
            r"\textbf{(C)}",
            "**C**",
            "option C",
        ] {
            assert_eq!(letter_of_answer(text).map(|(letter, _)| letter), Some('C'), "{text}");
        }
        for text in [
            "",
            "42",
            "Ca",
            "C or D",
            "C, D",
            "(C, D)",
            "C and D",
            "(A), (C), and (E)",
            "(A) or (B)",
            "(A) and (B)",
            "C = 5",
            "C.5",
            "C\\cup D",
            "C. not",
            "C. is wrong",
            "C. isn't",
            "C. D.",
            "C) D",
            "C: D",
            "c) d",
            "(C) 5 (D) 6",
            "C) 42 is wrong",
        ] {
            assert_eq!(letter_of_answer(text), None, "{text}");
        }
    }

    #[test]
    fn golds_are_single_letters() {
        assert_eq!(letter_of_gold("(B)"), Some(('B', None)));
        assert_eq!(letter_of_gold("b"), None);
        assert_eq!(letter_of_gold("X"), None);
        assert_eq!(letter_of_gold("AB"), None);
        assert_eq!(letter_of_gold(r"\text{(C)}"), Some(('C', None)));
        assert_eq!(letter_of_gold("C: 42"), Some(('C', Some("42"))));
        assert_eq!(letter_of_gold("(C) 42"), Some(('C', Some("42"))));
        assert_eq!(letter_of_gold("(A, B)"), None);
        assert_eq!(letter_of_gold("A: wrong"), None);
    }
}
