//! By what a source's silence is judged.

use super::blindness::Blindness;
use super::config::Config;

/// What the collector was told to do, and when it could not.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The options.
    pub config: &'a Config,
    /// When it could not listen.
    pub blindness: &'a Blindness,
}
