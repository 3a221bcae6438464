//! Work that nobody waits for.

pub(crate) mod housekeeping;
pub(crate) mod reconciliation;
