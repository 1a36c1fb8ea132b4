//! `\boxed{…}` and `\fbox{…}`.

use std::borrow::Cow;

use super::{Found, trimmed};

/// A box: where its command begins, and its contents.
struct Span {
    command: usize,
    inside: std::ops::Range<usize>,
    end: usize,
}

/// The last box; boxes joined by "and", "or" or a comma are one answer of several parts.
///
/// A box that is opened last and never closed (a completion cut off) holds no answer.
pub(super) fn last_boxed(text: &str) -> Found<'_> {
    let (spans, last_command) = boxes(text);
    let Some(last) = spans.last() else {
        return if last_command.is_some() { Found::Answer(Cow::Borrowed("")) } else { Found::Absent };
    };
    if last_command.is_some_and(|command| command >= last.end) {
        return Found::Answer(Cow::Borrowed(""));
    }
    let mut first = spans.len() - 1;
    while first > 0 && joins(&text[spans[first - 1].end..spans[first].command]) {
        first -= 1;
    }
    let mut parts: Vec<&str> = spans[first..].iter().map(|span| trimmed(&text[span.inside.clone()])).collect();
    parts.dedup();
    match parts.as_slice() {
        [single] => Found::Answer(Cow::Borrowed(single)),
        several => Found::Answer(Cow::Owned(several.join(", "))),
    }
}

/// Every outermost closed box in order, and where the last box command of all begins.
///
/// One pass with a stack of open braces: no contents are read twice however deep the boxes are nested.
fn boxes(text: &str) -> (Vec<Span>, Option<usize>) {
    let bytes = text.as_bytes();
    let mut open: Vec<bool> = Vec::new(); // for each open brace, whether it is a box's
    let mut begun: Vec<(usize, usize)> = Vec::new(); // each open box: its command, and where its contents begin
    let mut spans: Vec<Span> = Vec::new();
    let mut last_command = None;
    let mut at = first_box_command(text);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                let command = at;
                let Some(after) = after_box_command(text, at) else {
                    at += 2; // the escaped character opens and closes nothing
                    continue;
                };
                last_command = Some(command);
                at = after;
                if bytes.get(at) == Some(&b'{') {
                    begun.push((command, at + 1));
                    open.push(true);
                    at += 1;
                } else {
                    let inside = bare_argument(text, at);
                    at = inside.end;
                    spans.push(Span { command, end: inside.end, inside });
                }
            }
            b'{' => {
                open.push(false);
                at += 1;
            }
            b'}' => {
                if open.pop() == Some(true)
                    && let Some((command, begin)) = begun.pop()
                {
                    while spans.last().is_some_and(|inner| inner.command > command) {
                        spans.pop(); // a box within this one
                    }
                    spans.push(Span { command, inside: begin..at, end: at + 1 });
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    (spans, last_command)
}

/// Where to begin reading: braces before the first box are no one's business. The end where there is no box.
fn first_box_command(text: &str) -> usize {
    let first = ["\\boxed", "\\fbox"].iter().filter_map(|command| text.find(command)).min();
    let Some(first) = first else { return text.len() };
    let before = text[..first].bytes().rev().take_while(|byte| *byte == b'\\').count();
    first + before % 2 // after an odd number of backslashes, this one is escaped
}

/// Past `\boxed` or `\fbox` and the space behind it, if that is what begins at `at`.
fn after_box_command(text: &str, at: usize) -> Option<usize> {
    let rest = &text.as_bytes()[at..];
    let command = [&b"\\boxed"[..], b"\\fbox"].into_iter().find(|command| rest.starts_with(command))?;
    let after = at + command.len();
    let rest = &text[after..];
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None; // another command
    }
    Some(after + (rest.len() - rest.trim_start_matches(' ').len()))
}

/// Bytes that `\boxed\frac{…}{…}` may have without braces of its own.
const MAX_BARE: usize = 64;

/// `\boxed 42`: the run up to the next space; `\boxed\frac12`: the command with its arguments.
fn bare_argument(text: &str, at: usize) -> std::ops::Range<usize> {
    let rest = &text[at..];
    if rest.starts_with("\\frac") || rest.starts_with("\\dfrac") || rest.starts_with("\\sqrt") {
        let wanted = if rest.starts_with("\\sqrt") { 1 } else { 2 };
        return at..at + command_with_arguments(&rest.as_bytes()[..rest.len().min(MAX_BARE)], wanted);
    }
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '$' | '\\' | '{' | '}')).unwrap_or(rest.len());
    at..at + end
}

/// How long a command with so many arguments is, of which each is a group or a digit; nothing where they are not there.
fn command_with_arguments(bytes: &[u8], wanted: usize) -> usize {
    let mut at = 1 + bytes[1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    for _ in 0..wanted {
        match bytes.get(at) {
            Some(b'{') => {
                let mut depth = 0_usize;
                loop {
                    match bytes.get(at) {
                        None => return 0,
                        Some(b'{') => depth += 1,
                        Some(b'}') => depth -= 1,
                        Some(_) => {}
                    }
                    at += 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            Some(byte) if byte.is_ascii_digit() => at += 1,
            _ => return 0,
        }
    }
    at
}

/// Whether what stands between two boxes only joins them.
fn joins(between: &str) -> bool {
    if between.len() > 60 {
        return false;
    }
    let mut words = between
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '$' | '&' | '\\' | '(' | ')' | '{' | '}' | '*'))
        .filter(|word| !word.is_empty());
    let named = between.trim_end().ends_with('='); // "x = [1] or x = [2]"
    words.all(|word| {
        matches!(word, "and" | "or" | "text" | "quad" | "qquad")
            || (named && matches!(word.as_bytes(), [b'=' | b'a'..=b'z']))
    })
}

#[cfg(test)]
mod tests {
    use super::{Found, last_boxed};
    use std::borrow::Cow;

    fn boxed(text: &str) -> Option<String> {
        match last_boxed(text) {
            Found::Absent => None,
            Found::Answer(answer) => Some(answer.into_owned()),
        }
    }

    #[test]
    fn the_last_box_with_its_braces_balanced() {
        for (text, inside) in [
            ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
            ("\\boxed{1} then \\boxed{2}.", "2"),
            ("\\fbox{7}", "7"),
            ("\\boxed {7}", "7"),
            ("\\boxed 42", "42"),
            ("$\\boxed42$", "42"),
            ("\\boxed{\\boxed{42}}", "\\boxed{42}"),
            ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
            ("} { \\boxed{5}", "5"),
            ("\\boxed{}", ""),
            ("\\boxed", ""),
            ("\\boxed\\frac{1}{2}", "\\frac{1}{2}"),
            ("\\boxed \\frac12.", "\\frac12"),
            ("\\boxed\\frac{1", ""),
            ("\\boxed{1} - 5 = \\boxed{2}", "2"),
            ("$x = \\boxed{1}$ or $x = \\boxed{2}$", "1, 2"),
            ("\\boxed{1} wait \\boxed{2", ""),
            ("\\boxed{1} and \\boxed{2}", "1, 2"),
            ("$\\boxed{1}$, $\\boxed{2}$ or $\\boxed{3}$", "1, 2, 3"),
            ("\\boxed{1} and \\boxed{1}", "1"),
            ("\\boxed{1}. So \\boxed{1}", "1"),
        ] {
            assert_eq!(boxed(text).as_deref(), Some(inside), "{text}");
        }
        assert_eq!(boxed("\\boxedx{1}"), None);
        assert_eq!(boxed("\\\\boxed{1}"), None);
        assert_eq!(boxed("\\\\\\boxed{1}").as_deref(), Some("1"));
    }

    #[test]
    fn hostile_nesting_is_one_pass() {
        let deep = format!("{}1{}", "\\boxed{".repeat(100_000), "}".repeat(100_000));
        assert!(matches!(last_boxed(&deep), Found::Answer(Cow::Borrowed(inside)) if inside.len() > 700_000));
        assert_eq!(boxed(&"\\boxed{".repeat(100_000)).as_deref(), Some(""));
        assert_eq!(boxed(&"{".repeat(1 << 20)), None);
        assert_eq!(boxed(&"\\boxed{1}.".repeat(10_000)).as_deref(), Some("1"));
    }
}
