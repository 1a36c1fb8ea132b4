//! Which letter the clauses of a text choose, deny or leave open.

use super::choice_words::{Sense, sense};

/// A word, and the bit of the letter that it is.
pub(super) struct Word<'a> {
    pub word: &'a str,
    pub letter: Option<u16>,
}

/// What a clause has said so far.
#[derive(Default)]
struct Clause {
    words: usize,
    letters: u16,
    at: usize,
    first: Option<Sense>,
    said: u8,
    ends_in_letter: bool,
}

impl Clause {
    fn say(&mut self, sense: Sense) {
        self.said |= 1 << sense as u8;
    }

    fn says(&self, sense: Sense) -> bool {
        self.said & (1 << sense as u8) != 0
    }
}

/// Reads clause by clause; letters are bits.
#[derive(Default)]
pub(super) struct Judge {
    chosen: Option<(u16, usize)>,
    clause: Clause,
    /// What the sentence has named and not denied.
    named: u16,
    /// Whether the clause before, in the same sentence, was a denial of letters.
    denied_before: bool,
    /// The letter that was all of the sentence before.
    alone_before: u16,
    clauses: usize,
}

impl Judge {
    /// Between two words: whether a clause ends here, or a sentence. A comma in a list of letters ends nothing.
    pub fn pause(&mut self, between: &str, letter_follows: bool) {
        let bytes = between.as_bytes();
        let stop = |at: usize| bytes.get(at + 1).is_none_or(|next| !matches!(next, b'.' | b'0'..=b'9'));
        if bytes.contains(&b'?') {
            self.clause.say(Sense::Hedge);
        }
        let ends = bytes.iter().enumerate().any(|(at, byte)| match byte {
            b'.' => stop(at) && bytes.len() > 1,
            b'!' | b'?' | b';' | b'\n' => true,
            _ => false,
        });
        if ends {
            self.end_of_sentence();
        } else if bytes.contains(&b',') && !(self.clause.ends_in_letter && letter_follows) {
            self.end_of_clause();
        }
    }

    /// The next word, which begins at this place.
    pub fn word(&mut self, here: &Word<'_>, at: usize) {
        let sense = if here.letter.is_some() { None } else { sense(here.word) };
        match sense {
            Some(Sense::Reason | Sense::Conclusion) => self.end_of_clause(),
            Some(Sense::Contrast) if self.clause.letters != 0 => self.end_of_clause(),
            _ => (),
        }
        let clause = &mut self.clause;
        if clause.words == 0 {
            clause.first = sense;
        } else if clause.words == 1 && clause.first == Some(Sense::Conclusion) && here.word == "is" {
            clause.say(Sense::Denial); // "A is wrong, and so is B"
        }
        // "but B" sets B against what was denied, "anything but B" denies it.
        let exception = sense == Some(Sense::Contrast) && clause.words > 0;
        clause.words += 1;
        if let Some(sense) = sense {
            clause.say(if exception { Sense::Denial } else { sense });
        }
        clause.ends_in_letter = here.letter.is_some();
        if let Some(letter) = here.letter {
            clause.letters |= letter;
            clause.at = at;
        }
    }

    /// Where the chosen letter stands, when all has been read.
    pub fn choice(&mut self) -> Option<usize> {
        self.end_of_sentence();
        self.chosen.map(|(_, at)| at)
    }

    fn end_of_clause(&mut self) {
        let clause = std::mem::take(&mut self.clause);
        if clause.words == 0 {
            return;
        }
        self.clauses += 1;
        if clause.letters == 0 {
            if takes_back(&clause) {
                self.chosen = None;
                self.named = 0;
            }
            return;
        }
        let denied = clause.says(Sense::Denial) || (clause.first == Some(Sense::Addition) && self.denied_before);
        self.denied_before = denied;
        let among = self.chosen.is_some_and(|(letter, _)| clause.letters & letter != 0);
        if denied {
            self.named &= !clause.letters;
            self.chosen = self.chosen.filter(|_| !among);
        } else if clause.first == Some(Sense::Reason) {
            // "B, because A is too small"
        } else if clause.says(Sense::Hedge) || clause.letters.count_ones() > 1 {
            self.named |= clause.letters;
            self.chosen = None;
        } else {
            let concludes = matches!(clause.first, Some(Sense::Conclusion | Sense::Contrast));
            let another = self.named & !clause.letters != 0 && !concludes;
            self.named = if concludes { clause.letters } else { self.named | clause.letters };
            self.chosen = (!another).then_some((clause.letters, clause.at));
        }
    }

    fn end_of_sentence(&mut self) {
        let alone = if self.clauses == 0 && self.clause.words == 1 { self.clause.letters } else { 0 };
        let any = self.clauses > 0 || self.clause.words > 0;
        self.end_of_clause();
        if alone != 0 && self.alone_before & !alone != 0 {
            self.chosen = None; // "A. B. C." is a list
        }
        if any {
            self.alone_before = if alone == 0 { 0 } else { self.alone_before | alone };
        }
        (self.named, self.denied_before, self.clauses) = (0, false, 0);
    }
}

/// Whether a clause without a letter is about the one before: `no`, `that is wrong`, `it is not right`.
fn takes_back(clause: &Clause) -> bool {
    match clause.first {
        Some(Sense::Denial) => true,
        Some(Sense::Pointer | Sense::Contrast) => clause.says(Sense::Denial),
        _ => clause.says(Sense::Denial) && clause.says(Sense::Praise),
    }
}
