//! When this process last found that a connection to the database had ended. A server that is
//! restarted ends all of them at once: after the first is found, the others are asked before they
//! are used, so that one request is told to try again and not one for each connection.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

static NEWEST: Mutex<Option<Instant>> = Mutex::new(None);

/// A connection was found to have ended just now.
pub(crate) fn found() {
    *NEWEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// Whether one was found while another had already been waiting in its pool, for `idle` by now.
pub(super) fn since(idle: Duration) -> bool {
    let newest = *NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
    newest.is_some_and(|newest| newest.elapsed() <= idle)
}
