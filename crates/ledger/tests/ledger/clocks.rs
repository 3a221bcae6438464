//! A server whose clock is far ahead.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;

const A_YEAR: i64 = 365 * 86_400;

/// What was logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn errors(&self) -> usize {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines().filter(|line| line.contains("ERROR")).count()
    }
}

#[tokio::test]
async fn a_clock_that_was_far_ahead_is_told_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut world = World::new().await;
    world.top_up("1", 5, 0).await;
    // Clocks differ a little.
    world.top_up("2", 5, 299).await;
    world.top_up("3", 5, 0).await;
    assert_eq!(log.errors(), 0);
    world.top_up("4", 5, A_YEAR).await;
    let next = world.top_up("5", 5, 20).await;
    // Bookings do not go back, and what comes later is no news.
    let booked_at = at(A_YEAR);
    assert!(matches!(next, Posted::New { booked_at: found, .. } if found == booked_at));
    world.top_up("6", 5, 30).await;
    world.top_up("7", 5, 40).await;
    assert_eq!(log.errors(), 1);
    // The same clock again, and further still.
    world.top_up("8", 5, 2 * A_YEAR).await;
    world.top_up("9", 5, 50).await;
    world.top_up("10", 5, 60).await;
    assert_eq!(log.errors(), 2);
    world.finish().await;
}
