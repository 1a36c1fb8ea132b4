//! Mathematics as people spell it, LaTeX or plain, brought to one spelling.

pub mod canonical;
pub mod command;
mod eaten;
mod scripts;
pub mod tokens;
