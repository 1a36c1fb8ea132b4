//! How far an argument without braces reaches: one digit of `\frac12`, all of `2^10`, `x⁻¹²`, `√12`.

use super::tokens::{Lexer, Token};

impl Lexer<'_> {
    /// Digits, as many of them as the argument that waits for them takes.
    pub(super) fn digits(&mut self) {
        let start = self.at;
        let mut run = self.take_while(|c| c.is_ascii_digit());
        if self.arguments > 0 && !self.script && run.len() > 1 {
            self.at = start + 1; // `\frac12`: one digit is one argument
            run = &run[..1];
        }
        let decimals =
            self.text[self.at..].strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if decimals && self.arguments > 0 && self.tokens.last() == Some(&Token::Symbol('^')) {
            self.at += 1; // `x^0.5`
            self.arguments = 0;
            let fraction = self.take_while(|c| c.is_ascii_digit());
            let script = [Token::Open, Token::Digits(run), Token::Symbol('.'), Token::Digits(fraction), Token::Close];
            self.tokens.extend(script);
        } else {
            self.push(Token::Digits(run));
        }
    }

    /// `x²`, `a₁₂`: the small characters are one script, a token each.
    pub(super) fn small_characters(&mut self, sign: char, on_line: fn(char) -> Option<&'static str>) {
        self.tokens.extend([Token::Symbol(sign), Token::Open]);
        while let Some((next, run)) = self.peek().and_then(|next| Some((next, on_line(next)?))) {
            self.at += next.len_utf8();
            self.tokens.push(match run {
                "-" => Token::Symbol('-'),
                "+" => Token::Symbol('+'),
                "(" => Token::Symbol('('),
                ")" => Token::Symbol(')'),
                digit if digit.starts_with(|c: char| c.is_ascii_digit()) => Token::Digits(digit),
                letter => Token::Letters { run: letter, text: false },
            });
        }
        self.tokens.push(Token::Close);
    }

    /// `√12`: all the digits are under the sign.
    pub(super) fn radical(&mut self, cubic: bool) {
        self.tokens.push(Token::Command("sqrt"));
        if cubic {
            self.tokens.extend([Token::Symbol('['), Token::Digits("3"), Token::Symbol(']')]);
        }
        (self.arguments, self.script) = (1, true);
    }

    /// `x^-1`: sign and digits are the script together; `x^-y` is left as it is.
    pub(super) fn signed_script(&mut self) {
        let sign = if self.text[self.at..].starts_with('-') { '-' } else { '+' };
        self.at += 1;
        let run = self.take_while(|c| c.is_ascii_digit());
        let rest = &self.text[self.at..];
        if run.is_empty() && rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '\\' | '(' | '{')) {
            self.tokens.push(Token::Symbol(sign));
            return;
        }
        self.arguments = 0;
        self.tokens.extend([Token::Open, Token::Symbol(sign)]);
        if !run.is_empty() {
            self.tokens.push(Token::Digits(run));
        }
        self.tokens.push(Token::Close);
    }
}
