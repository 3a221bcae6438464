//! What every request passes through, one concern a file.

pub(crate) mod observe;
pub(crate) mod panic;
pub(crate) mod security_headers;
pub(crate) mod time_limit;
