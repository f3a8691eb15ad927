//! The results of a run in words.

pub mod figures;
