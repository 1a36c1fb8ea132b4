//! Numbers that are known to lie between two others: what an expression is worth, for certain, to any precision.
