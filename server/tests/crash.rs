//! The server dies at each named step between a click and its end, is started again, and what was
//! clicked ends as the processor says: one charge, one credit, one card, one refund.
//!
//! The real program, which dies by its own hand at exactly one point (`billing::crash`), the
//! database that `BILLING_TEST_DATABASE_URL` names or SQLite. Each point is gone through twice or
//! three times: the person clicks again, with the same id; nobody does, so that a notice or
//! reconciliation has to end it; and the notices are lost as well.

mod crash {
    pub mod far_side;
    pub mod lane;
    pub mod our_side;
    pub mod story;
}
#[path = "kills/process.rs"]
#[allow(dead_code, reason = "the test of kills uses the rest")]
mod process;
mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use billing::crash::CrashPoint;
use crash::lane::Lane;
use crash::story::{Afterwards, Case, Story, endings};

/// Installations side by side: much of the time is waiting until a payment is asked about.
const LANES: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_the_server_dies_at_the_click_ends_as_the_processor_says() {
    let mut cases: Vec<Case> = CrashPoint::ALL
        .iter()
        .flat_map(|point| {
            let story = Story::of(*point);
            endings(*point).iter().map(move |afterwards| Case {
                point: *point,
                story,
                afterwards: *afterwards,
            })
        })
        .collect();
    // The longest first, so that no lane begins with one when the others are done.
    cases.sort_by_key(|case| {
        (
            case.story != Story::AskedAbout,
            case.afterwards != Afterwards::Unheard,
        )
    });
    let cases = Arc::new(Mutex::new(VecDeque::from(cases)));
    let lanes = (0..LANES).map(|_| {
        let cases = Arc::clone(&cases);
        tokio::spawn(async move {
            let mut lane = Lane::open().await;
            loop {
                // Not in the loop's condition: the lock would be held throughout.
                let next = cases.lock().expect("no lane panicked").pop_front();
                let Some(case) = next else { break };
                println!("{case:?}");
                lane.go_through(&case).await;
            }
            lane.close().await;
        })
    });
    for lane in futures::future::join_all(lanes).await {
        lane.expect("no lane failed");
    }
}
