//! Multiple choice: a letter, alone or with what it stands for.

/// The letter a gold is, if it is one of a list of choices: `C`, `(C)`.
#[must_use]
pub fn letter_of_gold(gold: &str) -> Option<char> {
    let bare = gold.trim().trim_start_matches('(').trim_end_matches([')', '.']);
    let mut characters = bare.chars();
    let letter = characters.next().filter(|letter| ('A'..='J').contains(letter))?;
    characters.next().is_none().then_some(letter)
}

/// The letter an answer chooses: `c`, `(C)`, `C.`, `C) 42`, `\text{C}`.
#[must_use]
pub fn letter_of_answer(answer: &str) -> Option<char> {
    let mut bare = answer.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '$' | '`' | '"'));
    for wrapper in ["\\textbf{", "\\text{", "\\mathrm{", "\\mathbf{", "\\textrm{", "\\boxed{"] {
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
    (after.is_empty() || (closed && (!bracketed || after.starts_with(')')))).then_some(letter)
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
            assert_eq!(letter_of_answer(text), Some('C'), "{text}");
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
        ] {
            assert_eq!(letter_of_answer(text), None, "{text}");
        }
    }

    #[test]
    fn golds_are_single_letters() {
        assert_eq!(letter_of_gold("(B)"), Some('B'));
        assert_eq!(letter_of_gold("b"), None);
        assert_eq!(letter_of_gold("X"), None);
        assert_eq!(letter_of_gold("AB"), None);
    }
}
