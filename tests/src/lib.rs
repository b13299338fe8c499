//! Placeholder.

pub mod e2e;
pub mod load;
pub mod measure;
pub mod random;
