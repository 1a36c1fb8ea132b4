//! The lexer: one pass, a stack on the heap instead of recursion, one token for every spelling of the same thing.

use super::command::{Role, role, role_of_sign, subscript, superscript, vulgar_fraction};
use super::eaten::eaten_escape;

/// A piece of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// White space of any kind and length.
    Space,
    /// A run of ASCII digits.
    Digits(&'a str),
    /// A run of letters; `text` when it stood in `\text{}` or the like.
    Letters {
        /// The letters.
        run: &'a str,
        /// Whether LaTeX was told that these are words.
        text: bool,
    },
    /// A command that stands for itself, without the backslash.
    Command(&'a str),
    /// `{` that groups.
    Open,
    /// `}` that groups.
    Close,
    /// The comma of `1{,}000`, which separates digits and nothing else.
    Thousands,
    /// Any other character.
    Symbol(char),
}

/// What a closing brace ends.
struct Group {
    /// Whether the braces themselves are tokens.
    shown: bool,
    /// Whether it made its contents words.
    words: bool,
    /// Arguments the command before it still takes.
    arguments_after: u8,
}

/// The lexer's place in the text.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) tokens: Vec<Token<'a>>,
    groups: Vec<Group>,
    /// How many open groups hold words.
    words: usize,
    /// Arguments the last command still takes: `\frac12` is `\frac{1}{2}`.
    pub(super) arguments: u8,
    /// Whether those arguments are a script, where digits stay together: 2^10.
    pub(super) script: bool,
    /// `$` is a currency sign: it does not come in pairs.
    dollars_are_money: bool,
}

/// Splits an answer into tokens.
#[must_use]
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
        groups: Vec::new(),
        words: 0,
        arguments: 0,
        script: false,
        dollars_are_money: unescaped_dollars(text) % 2 == 1,
    };
    while let Some(next) = lexer.peek() {
        lexer.step(next);
    }
    lexer.tokens
}

fn unescaped_dollars(text: &str) -> usize {
    let mut escaped = false;
    let mut count = 0;
    for byte in text.bytes() {
        count += usize::from(byte == b'$' && !escaped);
        escaped = byte == b'\\' && !escaped;
    }
    count
}

impl<'a> Lexer<'a> {
    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn space(&mut self) {
        if !matches!(self.tokens.last(), None | Some(Token::Space)) {
            self.tokens.push(Token::Space);
        }
    }

    /// Adds a token, in braces of its own where a command waits for an argument. A bracket is the beginning of one: in
    /// `x^(1/2)` and `√(x+1)` it reaches to the bracket that closes.
    pub(super) fn push(&mut self, token: Token<'a>) {
        if matches!(token, Token::Symbol('(' | '[')) {
            self.arguments = 0;
        }
        if self.arguments > 0 {
            self.arguments -= 1;
            self.tokens.extend([Token::Open, token, Token::Close]);
        } else {
            self.tokens.push(token);
        }
    }

    fn step(&mut self, next: char) {
        if let Some((name, length)) = eaten_escape(&self.text[self.at..]) {
            self.at += length;
            self.act(name, role(name));
            return;
        }
        match next {
            '\\' => self.command(),
            '{' => self.open(),
            '}' => self.close(),
            '0'..='9' => self.digits(),
            '$' if !self.dollars_are_money => self.at += 1,
            '^' | '_' => {
                self.at += 1;
                self.tokens.push(Token::Symbol(next));
                (self.arguments, self.script) = (1, true);
                self.take_while(char::is_whitespace);
            }
            '-' | '+' if self.arguments > 0 && self.script => self.signed_script(),
            _ if next.is_whitespace() || next == '~' => {
                self.take_while(|c| c.is_whitespace() || c == '~');
                if self.arguments == 0 {
                    self.space();
                }
            }
            _ => self.character(next),
        }
    }

    fn character(&mut self, next: char) {
        if let Some(role) = role_of_sign(next) {
            self.at += next.len_utf8();
            self.act("", role);
        } else if let Some((numerator, denominator)) = vulgar_fraction(next) {
            self.at += next.len_utf8();
            self.arguments = 0;
            self.tokens.push(Token::Command("frac"));
            self.tokens.extend([Token::Open, Token::Digits(numerator), Token::Close]);
            self.tokens.extend([Token::Open, Token::Digits(denominator), Token::Close]);
        } else if superscript(next).is_some() {
            self.small_characters('^', superscript);
        } else if subscript(next).is_some() {
            self.small_characters('_', subscript);
        } else if matches!(next, '√' | '∛') {
            self.at += next.len_utf8();
            self.radical(next == '∛');
        } else if next.is_alphabetic() {
            let start = self.at;
            let run = self.take_while(|c| {
                c.is_alphabetic() && role_of_sign(c).is_none() && superscript(c).or(subscript(c)).is_none()
            });
            let first = next.len_utf8();
            let text = self.words > 0;
            if self.arguments > 0 && is_plain_name(run) {
                self.arguments = 0; // `e^pi`, `2^sqrt(3)`
                self.tokens.push(Token::Letters { run, text });
            } else if self.arguments > 0 && !text && run.len() > first {
                self.at = start + first; // `\frac ab`: one letter is one argument
                self.push(Token::Letters { run: &run[..first], text });
            } else {
                self.push(Token::Letters { run, text });
            }
        } else {
            self.at += next.len_utf8();
            self.push(Token::Symbol(next));
        }
    }

    fn open(&mut self) {
        if self.arguments == 0 && self.text[self.at..].starts_with("{,}") {
            self.at += 3;
            self.tokens.push(Token::Thousands);
            return;
        }
        self.at += 1;
        let arguments_after = self.arguments.saturating_sub(1);
        self.arguments = 0;
        self.groups.push(Group { shown: true, words: false, arguments_after });
        self.tokens.push(Token::Open);
    }

    fn close(&mut self) {
        self.at += 1;
        let Some(group) = self.groups.pop() else {
            self.tokens.push(Token::Close);
            return;
        };
        self.arguments = group.arguments_after;
        self.script = false;
        self.words -= usize::from(group.words);
        if group.shown {
            self.tokens.push(Token::Close);
        }
    }

    fn command(&mut self) {
        self.at += 1;
        let letters = self.take_while(|c| c.is_ascii_alphabetic());
        let name = if letters.is_empty() {
            let end = self.peek().map_or(0, char::len_utf8);
            self.at += end;
            &self.text[self.at - end..self.at]
        } else {
            letters
        };
        match role(name) {
            Role::Other if name == "begin" || name == "end" => {
                (self.arguments, self.script) = (0, false);
                self.tokens.push(Token::Command(name));
            }
            Role::Nothing if matches!(name, "left" | "right") && self.text[self.at..].starts_with('.') => self.at += 1,
            role => self.act(name, role),
        }
    }

    fn act(&mut self, name: &'a str, role: Role) {
        match role {
            Role::Space => self.space(),
            Role::Nothing => {}
            Role::Words | Role::Transparent => self.read_through(role == Role::Words),
            Role::Character(c) => self.push(Token::Symbol(c)),
            Role::Named(name, arguments) => self.named(name, arguments),
            Role::Other if name.is_empty() => self.tokens.push(Token::Symbol('\\')),
            Role::Other => self.push(Token::Command(name)),
        }
    }

    fn named(&mut self, name: &'a str, arguments: u8) {
        if arguments == 0 {
            self.push(Token::Command(name));
            return;
        }
        self.tokens.push(Token::Command(name));
        (self.arguments, self.script) = (arguments, false);
        let rest = self.text[self.at..].trim_start_matches(' ');
        if name == "sqrt" && rest.starts_with('[') {
            // The degree of the root, as far as it is a plain one.
            self.at = self.text.len() - rest.len();
            if let Some(end) = rest.bytes().take(12).position(|byte| byte == b']') {
                self.tokens.push(Token::Symbol('['));
                self.tokens.push(Token::Letters { run: &rest[1..end], text: false });
                self.tokens.push(Token::Symbol(']'));
                self.at += end + 1;
            }
        }
    }

    /// `\text{…}`: its contents stand where it stood.
    fn read_through(&mut self, words: bool) {
        let rest = &self.text[self.at..];
        let gap = rest.len() - rest.trim_start().len();
        if rest[gap..].starts_with('{') {
            self.at += gap + 1;
            let shown = self.arguments > 0; // `^\text{th}` is an argument
            let arguments_after = self.arguments.saturating_sub(1);
            self.arguments = 0;
            if shown {
                self.tokens.push(Token::Open);
            }
            self.groups.push(Group { shown, words, arguments_after });
            self.words += usize::from(words);
        }
    }
}

/// Names that are one argument where they are written without a backslash.
fn is_plain_name(run: &str) -> bool {
    matches!(run, "pi" | "sqrt" | "sin" | "cos" | "tan" | "ln" | "log" | "exp")
}

#[cfg(test)]
mod tests {
    use super::{Token, tokens};

    fn shown(text: &str) -> String {
        let piece = |token: &Token<'_>| match token {
            Token::Space => String::from("␣"),
            Token::Digits(run) | Token::Letters { run, .. } => (*run).to_owned(),
            Token::Command(name) => format!("\\{name}"),
            Token::Open => String::from("{"),
            Token::Close => String::from("}"),
            Token::Thousands => String::from("'"),
            Token::Symbol(c) => c.to_string(),
        };
        tokens(text).iter().map(piece).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn spellings_of_a_fraction_are_one() {
        for text in [r"\frac{1}{2}", r"\dfrac12", r"\tfrac 1 2", r"\frac1{2}", "½", r"$\frac{1}2$"] {
            assert_eq!(shown(text), r"\frac { 1 } { 2 }", "{text}");
        }
    }

    #[test]
    fn scripts_keep_their_digits_together() {
        assert_eq!(shown("2^10"), "2 ^ { 10 }");
        assert_eq!(shown("x^{-1}"), shown("x^-1"));
        assert_eq!(shown("a_1"), shown("a_{1}"));
        assert_eq!(shown("cm²"), "cm ^ { 2 }");
    }

    #[test]
    fn arguments_reach_as_far_as_people_mean() {
        for (text, expected) in [
            ("x^(1/2)", "x ^ ( 1 / 2 )"),
            ("x^0.5", "x ^ { 0 . 5 }"),
            ("e^pi", "e ^ pi"),
            ("x^-y", "x ^ - { y }"),
            ("x⁻¹²", "x ^ { - 1 2 }"),
            ("log₂8", "log _ { 2 } 8"),
            ("√12", "\\sqrt { 12 }"),
            ("√(x+1)", "\\sqrt ( x + 1 )"),
            ("∛8", "\\sqrt [ 3 ] { 8 }"),
            (r"\sqrt [3]{x}", "\\sqrt [ 3 ] { x }"),
            (r"\vec v", "\\vec { v }"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_marked_and_unwrapped() {
        assert_eq!(
            tokens(r"10\text{ cm}"),
            [Token::Digits("10"), Token::Space, Token::Letters { run: "cm", text: true }]
        );
        assert_eq!(shown(r"\boxed{\textbf{42}}"), "42");
    }

    #[test]
    fn dollars_in_pairs_are_delimiters() {
        assert_eq!(shown("$5$"), "5");
        assert_eq!(shown("$5"), "$ 5");
        assert_eq!(shown(r"$\$5$"), "$ 5");
    }

    #[test]
    fn the_thousands_comma_is_its_own() {
        assert_eq!(shown("1{,}000"), "1 ' 000");
        assert_eq!(shown(r"1,\!000"), "1 , 000");
    }

    #[test]
    fn broken_input_is_still_tokens() {
        for text in ["\\", "}", "{{{", "\\frac", "\\frac{", "^", "_^_", "\\text", "\\sqrt[", "\\sqrt[é]", "\u{0}", "^-"]
        {
            let _ = tokens(text);
        }
        assert!(tokens(&"{".repeat(1 << 20)).len() == 1 << 20);
    }
}
