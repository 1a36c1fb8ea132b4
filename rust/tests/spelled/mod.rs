//! Random expressions and the ways to write each: its value does not depend on how it is spelled.

use proptest::prelude::*;

/// An expression of positive parts: its value grows, or shrinks, strictly with every literal in it.
#[derive(Debug, Clone)]
pub enum Tree {
    Literal(u32),
    Letter(char),
    Sum(Box<Tree>, Box<Tree>),
    Product(Box<Tree>, Box<Tree>),
    Quotient(Box<Tree>, Box<Tree>),
    Square(Box<Tree>),
    Root(Box<Tree>),
}

/// Trees over the letters given and, if wanted, square roots.
pub fn trees(letters: &'static [char], roots: bool) -> impl Strategy<Value = Tree> {
    let literal = (1_u32..100).prop_map(Tree::Literal);
    let leaf = if letters.is_empty() { literal.boxed() } else { prop_oneof![literal, letter(letters)].boxed() };
    leaf.prop_recursive(4, 12, 2, move |inner| {
        let pair = (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        let root = inner
            .clone()
            .prop_map(move |tree| if roots { Tree::Root(Box::new(tree)) } else { Tree::Square(Box::new(tree)) });
        prop_oneof![
            3 => pair.clone().prop_map(|(one, other)| Tree::Sum(one, other)),
            3 => pair.clone().prop_map(|(one, other)| Tree::Product(one, other)),
            2 => pair.prop_map(|(one, other)| Tree::Quotient(one, other)),
            1 => inner.prop_map(|tree| Tree::Square(Box::new(tree))),
            1 => root,
        ]
    })
}

fn letter(letters: &'static [char]) -> impl Strategy<Value = Tree> {
    prop::sample::select(letters).prop_map(Tree::Letter)
}

impl Tree {
    /// The tree written down; `habits` are the choices its writer makes, one after the other, over and over.
    pub fn spelled(&self, habits: &[u8]) -> String {
        let mut habits = habits.iter().copied().cycle();
        self.spelled_with(&mut || habits.next().unwrap_or(0))
    }

    fn spelled_with(&self, habit: &mut impl FnMut() -> u8) -> String {
        match self {
            Self::Literal(number) => match habit() % 8 {
                0 => format!("{number}.0"),
                1 => format!("0{number}"),
                _ => number.to_string(),
            },
            Self::Letter(letter) => letter.to_string(),
            Self::Sum(one, other) => {
                let sign = [" + ", "+", "+\\,", "  +  "][usize::from(habit() % 4)];
                let (one, other) = (one.spelled_with(habit), other.spelled_with(habit));
                if habit().is_multiple_of(2) { format!("{one}{sign}{other}") } else { format!("{other}{sign}{one}") }
            }
            Self::Product(one, other) => {
                let sign = [" \\cdot ", "*", "\\times ", "", " × "][usize::from(habit() % 5)];
                let (one, other) = (one.enclosed(habit), other.enclosed(habit));
                if habit().is_multiple_of(2) { format!("{one}{sign}{other}") } else { format!("{other}{sign}{one}") }
            }
            Self::Quotient(one, other) => match habit() % 4 {
                0 => format!("\\dfrac{{{}}}{{{}}}", one.spelled_with(habit), other.spelled_with(habit)),
                1 => format!("({}/{})", one.enclosed(habit), other.enclosed(habit)),
                2 => format!("{{{} \\over {}}}", one.spelled_with(habit), other.spelled_with(habit)),
                _ => format!("\\frac{{{}}}{{{}}}", one.spelled_with(habit), other.spelled_with(habit)),
            },
            Self::Square(inner) => {
                let power = ["^2", "^{2}", "**2", "²"][usize::from(habit() % 4)];
                format!("{}{power}", inner.enclosed(habit))
            }
            Self::Root(inner) => match habit() % 3 {
                0 => format!("sqrt({})", inner.spelled_with(habit)),
                1 => format!("{}^{{1/2}}", inner.enclosed(habit)),
                _ => format!("\\sqrt{{{}}}", inner.spelled_with(habit)),
            },
        }
    }

    /// In brackets, whatever it is: what is beside it takes nothing of it.
    fn enclosed(&self, habit: &mut impl FnMut() -> u8) -> String {
        let inner = self.spelled_with(habit);
        match habit() % 3 {
            0 => format!("\\left({inner}\\right)"),
            _ => format!("({inner})"),
        }
    }

    /// The number of literals.
    pub fn literals(&self) -> usize {
        match self {
            Self::Literal(_) => 1,
            Self::Letter(_) => 0,
            Self::Square(inner) | Self::Root(inner) => inner.literals(),
            Self::Sum(one, other) | Self::Product(one, other) | Self::Quotient(one, other) => {
                one.literals() + other.literals()
            }
        }
    }

    /// The same tree with one more in its literal number `at`: another value, since all its parts are positive.
    pub fn perturbed(&self, at: usize) -> Self {
        let pair = |one: &Self, other: &Self| {
            let before = one.literals();
            if at < before {
                (Box::new(one.perturbed(at)), Box::new(other.clone()))
            } else {
                (Box::new(one.clone()), Box::new(other.perturbed(at - before)))
            }
        };
        match self {
            Self::Literal(number) => Self::Literal(number + 1),
            Self::Letter(letter) => Self::Letter(*letter),
            Self::Square(inner) => Self::Square(Box::new(inner.perturbed(at))),
            Self::Root(inner) => Self::Root(Box::new(inner.perturbed(at))),
            Self::Sum(one, other) => {
                let (one, other) = pair(one, other);
                Self::Sum(one, other)
            }
            Self::Product(one, other) => {
                let (one, other) = pair(one, other);
                Self::Product(one, other)
            }
            Self::Quotient(one, other) => {
                let (one, other) = pair(one, other);
                Self::Quotient(one, other)
            }
        }
    }
}
