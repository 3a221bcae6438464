//! Who may report under how many names.

use billing::IngestError;
use billing::metering::{EventFault, MOST_SOURCES};
use types::usage::UsageEvent;

use crate::holds::{funded, request, used};
use crate::world::event;

/// One event of each source.
fn from_sources(numbers: std::ops::Range<i64>) -> Vec<UsageEvent> {
    let named = |number| UsageEvent {
        source: format!("gateway-{number:04}"),
        ..event("1")
    };
    numbers.map(named).collect()
}

#[tokio::test]
async fn an_organization_has_so_many_sources_and_no_more() {
    let world = funded().await;
    let usage = world.billing.usage();
    let most = from_sources(0..MOST_SOURCES - 1);
    assert_eq!(
        usage.ingest(&world.caller, most).await.unwrap().counted,
        999
    );

    // Two more, where one has room: nothing of the call is taken.
    let two = from_sources(MOST_SOURCES - 1..MOST_SOURCES + 1);
    let refused = usage.ingest(&world.caller, two).await;
    assert!(
        matches!(
            refused,
            Err(IngestError::Event {
                index: 1,
                fault: EventFault::TooManySources
            })
        ),
        "{refused:?}"
    );
    let last = from_sources(MOST_SOURCES - 1..MOST_SOURCES);
    assert_eq!(usage.ingest(&world.caller, last).await.unwrap().counted, 1);
    let one_more = from_sources(MOST_SOURCES..MOST_SOURCES + 1);
    usage.ingest(&world.caller, one_more).await.unwrap_err();

    // Those that are there go on, replays too, and so do holds and other organizations.
    let mut again = from_sources(5..7);
    again[1].id = "2".to_owned();
    assert_eq!(usage.ingest(&world.caller, again).await.unwrap().counted, 1);
    let holds = world.billing.holds();
    let hold = holds.open(&world.caller, request()).await.unwrap();
    let captured = holds.capture(world.caller.organization, hold.id, used(112, 44));
    captured.await.unwrap();
    let (_, other, _) = world.another().await;
    let elsewhere = usage.ingest(&other, from_sources(MOST_SOURCES..MOST_SOURCES + 1));
    assert_eq!(elsewhere.await.unwrap().counted, 1);
    world.finish().await;
}
