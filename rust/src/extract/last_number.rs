//! The last number of a text.

/// What a text says when it gives no answer.
const GIVES_UP: [&str; 8] = [
    "do not know",
    "don't know",
    "don’t know",
    "not sure",
    "cannot determine",
    "cannot be determined",
    "can't determine",
    "no idea",
];

/// Words that make the number before them another one.
const MULTIPLIERS: [&str; 16] = [
    "hundred", "thousand", "million", "billion", "trillion", "dozen", "percent", "half", "halves", "third", "thirds",
    "quarter", "quarters", "lakh", "crore", "grand",
];

/// Bytes at the end of a text in which it may give up.
const MAX_FAREWELL: usize = 2_000;

/// Whether the text ends by giving up: then an earlier number is not its answer.
pub(super) fn gives_up(text: &str) -> bool {
    let after_numbers = text.bytes().rposition(|byte| byte.is_ascii_digit()).map_or(0, |at| at + 1);
    let last_words = text.ceil_char_boundary(text.len().saturating_sub(MAX_FAREWELL));
    let lower = text[after_numbers.max(last_words)..].to_ascii_lowercase();
    GIVES_UP.iter().any(|words| lower.contains(words))
}

/// The last number with its sign, separators, decimals, the other half of a plain fraction and a percent sign.
///
/// Digits that are part of something else (`x2`, `10^3`) are given with the whole of it.
pub(super) fn last_number(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let numeral = |byte: u8| byte.is_ascii_digit() || matches!(byte, b',' | b'.' | b'/' | b':');
    let mut begin = bytes[..end].iter().rposition(|&byte| !numeral(byte)).map_or(0, |at| at + 1);
    begin += bytes[begin..end].iter().position(|&byte| byte.is_ascii_digit() || byte == b'.').unwrap_or(0);
    let before = text[..begin].chars().next_back();
    let invisible = |c: char| matches!(c, '\0' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let digits_before = |text: &str| text.trim_end_matches(invisible).ends_with(|c: char| c.is_ascii_digit());
    let split = before.is_some_and(invisible) && digits_before(&text[..begin]);
    if split || before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '^' | '_' | '{')) {
        begin = text[..begin]
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let tail = text[begin..].find(char::is_whitespace).map_or(text.len(), |at| begin + at);
        return Some(&text[begin..tail]);
    }
    // "1, 2,3": a list is not one number, its last is.
    let run = &text[begin..end];
    if let Some((list, last)) = run.rsplit_once(',') {
        let grouped = run.split('.').next().is_some_and(|integer| {
            let mut groups = integer.split(',');
            groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
        });
        if !grouped {
            begin += list.len() + 1;
            return Some(&text[begin..begin + last.len()]);
        }
    }
    let mut sign = text[..begin].trim_end_matches('$');
    sign = sign.strip_suffix('\\').unwrap_or(sign);
    let unsigned = sign.strip_suffix(['-', '−', '–', '‑']);
    if unsigned.is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit())) {
        // "1-5", "2024-05-05": a range or a date, and no number
        let joined =
            |c: char| c.is_ascii_digit() || matches!(c, '-' | '−' | '–' | '‑' | ',' | '.' | '/' | ':' | '$' | '\\');
        let start = sign.trim_end_matches(joined).len();
        return Some(&text[start..end]);
    }
    let unsigned = unsigned.filter(|_| sign.ends_with(['-', '−']));
    if let Some(unsigned) =
        unsigned.filter(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | ']' | '}')))
    {
        begin = unsigned.len();
    }
    let rest = &text[end..];
    if rest.starts_with(char::is_alphabetic) {
        let tail = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        return Some(&text[begin..end + tail]); // "5k", "5cm"
    }
    let word = rest.trim_start_matches(' ').split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let lower = word.to_ascii_lowercase();
    let ordinal = ["ths", "illion", "illions"].iter().any(|ending| lower.ends_with(ending)) && lower != "months";
    if ordinal || MULTIPLIERS.contains(&lower.as_str()) {
        return Some(&text[begin..end + (rest.len() - rest.trim_start_matches(' ').len()) + word.len()]);
    }
    let percent = ["%", "\\%", " %"].iter().find(|sign| rest.starts_with(**sign));
    Some(&text[begin..end + percent.map_or(0, |sign| sign.len())])
}

#[cfg(test)]
mod tests {
    use super::{gives_up, last_number};

    #[test]
    fn the_number_with_what_belongs_to_it() {
        for (text, number) in [
            ("A: 26", "26"),
            ("= 1,250.50 in all.", "1,250.50"),
            ("about -5 degrees", "-5"),
            ("5cm long", "5cm"),
            ("7-5", "7-5"),
            ("on 2024-05-05.", "2024-05-05"),
            ("from 1–5", "1–5"),
            ("$1-$5", "$1-$5"),
            ("16-3=13", "13"),
            ("1\u{200b}0", "1\u{200b}0"),
            ("it is −5.", "−5"),
            ("3/4 of it", "3/4"),
            ("and/4", "4"),
            ("A: 5 million dollars", "5 million"),
            ("A: 5k", "5k"),
            ("A: 3 sevenths", "3 sevenths"),
            ("for 3 months", "3"),
            ("it rose by 5 percent.", "5 percent"),
            ("at 4:30", "4:30"),
            ("A:5", "5"),
            ("50% off", "50%"),
            ("-$5", "-$5"),
            ("5, 6,7", "7"),
            ("one of 10^3", "10^3"),
            ("1e5", "1e5"),
            ("=<<54/3=18.0>>18 lines", "18"),
            ("<<1-5=-4>>-4", "-4"),
            ("...5", "...5"),
        ] {
            assert_eq!(last_number(text), Some(number), "{text}");
        }
        assert_eq!(last_number("none"), None);
        assert_eq!(last_number(&"1 2 3 ".repeat(100_000)), Some("3"));
    }

    #[test]
    fn giving_up_counts_only_at_the_end() {
        assert!(gives_up("It says 42. I do not know."));
        assert!(!gives_up("I do not know, but 42"));
    }
}
