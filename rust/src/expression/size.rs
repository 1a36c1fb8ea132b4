//! How large a tree is.

use super::Expression;

impl Expression {
    /// The parts of which this is made.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::Constant(_) | Self::Variable(_) => Vec::new(),
            Self::Sum(parts) | Self::Product(parts) | Self::Call(_, parts) => parts.iter().collect(),
            Self::Quotient(one, other) | Self::Power(one, other) | Self::Binomial(one, other) => vec![one, other],
            Self::Root(_, inner) | Self::Apply(_, inner) => vec![inner],
        }
    }

    /// Levels from here to the deepest leaf.
    #[must_use]
    pub fn depth(&self) -> usize {
        1 + self.children().into_iter().map(Self::depth).max().unwrap_or(0)
    }

    /// This and everything below it.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        1 + self.children().into_iter().map(Self::nodes).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::Expression;

    #[test]
    fn every_level_and_node_counts() {
        let x = || Expression::Variable(String::from("x"));
        let sum = Expression::Sum(vec![x(), Expression::Root(2, Box::new(x()))]);
        assert_eq!((x().depth(), sum.depth()), (1, 3));
        assert_eq!((x().nodes(), sum.nodes()), (1, 4));
    }
}
