//! One file for each kind of money movement: facts in, transfers out. Pure, so that each is a
//! table one can read and test.

pub(crate) mod top_up;
pub(crate) mod usage;
