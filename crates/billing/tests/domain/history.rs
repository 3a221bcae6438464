use std::time::Duration;

use types::history::{HistoryCursor, HistoryRow};
use types::top_up::TopUpState;

use crate::world::{World, confirm, event};

fn shown(row: &HistoryRow) -> (String, String, &'static str) {
    let amount = if row.is_posted() {
        row.amount.signed()
    } else {
        row.amount.to_string()
    };
    (row.description(), amount, row.status_label())
}

#[tokio::test]
async fn rows_are_newest_first_and_read_as_people_expect() {
    let world = World::new().await;
    world.top_up(500, "4242424242424242").await;
    world.clock.advance(Duration::from_secs(60));
    world.top_up(2_500, "4000000000000002").await;
    world.clock.advance(Duration::from_secs(60));
    for id in ["1", "2"] {
        world
            .billing
            .usage()
            .ingest(&world.caller, vec![event(id)])
            .await
            .unwrap();
        world.clock.advance(Duration::from_secs(60));
    }
    world.top_up(1_000, "4000000000003220").await;
    let organization = world.owner.organization;
    let page = world
        .billing
        .history()
        .page(organization, None, 50)
        .await
        .unwrap();
    let rows: Vec<_> = page.rows.iter().map(shown).collect();
    let row = |description: &str, amount: &str, status| {
        (description.to_owned(), amount.to_owned(), status)
    };
    assert_eq!(
        rows,
        [
            row("Credit", "$10.00", "Needs confirmation"),
            row("Usage · Production", "-$0.000086", "Usage"),
            row("Credit", "$25.00", "Failed"),
            row("Credit", "+$5.00", "Credit"),
        ]
    );
    assert_eq!(
        types::time::us_date_time(page.rows[3].at),
        "3/11/2026, 12:00:00 PM"
    );
    assert_eq!(page.rows[1].amount.exact(), "-0.0000864");
    assert!(page.next.is_none());
    world.finish().await;
}

#[tokio::test]
async fn pages_of_any_size_show_every_row_once_in_the_same_order() {
    let world = World::new().await;
    let organization = world.owner.organization;
    for round in 0..4 {
        // Several rows at the very same instant.
        world.top_up(500, "4242424242424242").await;
        world.top_up(600, "4242424242424242").await;
        world.top_up(700, "4000000000000002").await;
        world.top_up(800, "4000000000000002").await;
        world
            .billing
            .usage()
            .ingest(&world.caller, vec![event(&format!("{round}"))])
            .await
            .unwrap();
        world
            .clock
            .advance(Duration::from_secs(if round % 2 == 0 { 0 } else { 86_400 }));
    }
    let all = world
        .billing
        .history()
        .page(organization, None, 100)
        .await
        .unwrap();
    assert_eq!(all.rows.len(), 18);
    for size in [1, 2, 3, 7] {
        let mut rows = Vec::new();
        let mut after: Option<HistoryCursor> = None;
        loop {
            let page = world
                .billing
                .history()
                .page(organization, after.as_ref(), size)
                .await
                .unwrap();
            assert!(page.rows.len() <= size as usize);
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let ids = |rows: &[HistoryRow]| rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&rows), ids(&all.rows), "pages of {size}");
    }
    world.finish().await;
}

#[tokio::test]
async fn another_organization_sees_none_of_it() {
    let world = World::new().await;
    world.top_up(500, "4242424242424242").await;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    let (stranger, ..) = world.another().await;
    let page = world
        .billing
        .history()
        .page(stranger.organization, None, 50)
        .await
        .unwrap();
    assert!(page.rows.is_empty());
    assert!(
        world
            .billing
            .history()
            .page(stranger.organization, Some(&HistoryCursor("x".into())), 5)
            .await
            .is_err()
    );
    world.finish().await;
}

#[tokio::test]
async fn rows_that_change_between_pages_are_neither_skipped_nor_doubled() {
    let world = World::new().await;
    let organization = world.owner.organization;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(60));
    let waiting = world.top_up(500, "4000000000003220").await;
    world.clock.advance(Duration::from_secs(60));
    world.top_up(600, "4242424242424242").await;
    let first = world
        .billing
        .history()
        .page(organization, None, 1)
        .await
        .unwrap();
    // The rest of the list moves on: more usage today, and the bank's confirmation.
    world.clock.advance(Duration::from_secs(60));
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("2")])
        .await
        .unwrap();
    let TopUpState::RequiresAction { url: Some(url) } = &waiting.state else {
        panic!("{waiting:?}");
    };
    confirm(url, "approve").await;
    world
        .billing
        .top_ups()
        .find(&world.owner, waiting.id)
        .await
        .unwrap();
    let rest = world
        .billing
        .history()
        .page(organization, first.next.as_ref(), 50)
        .await
        .unwrap();
    let rows: Vec<_> = first
        .rows
        .iter()
        .chain(&rest.rows)
        .map(|row| shown(row).1)
        .collect();
    assert_eq!(rows, ["+$6.00", "+$5.00", "-$0.000086"]);
    world.finish().await;
}

#[tokio::test]
async fn a_payment_that_was_confirmed_later_stands_at_its_click_and_says_when_it_was_booked() {
    let world = World::new().await;
    let waiting = world.top_up(500, "4000000000003220").await;
    world.clock.advance(Duration::from_secs(10 * 60));
    world.top_up(600, "4242424242424242").await;
    world.clock.advance(Duration::from_secs(20 * 60));
    let TopUpState::RequiresAction { url: Some(url) } = &waiting.state else {
        panic!("{waiting:?}");
    };
    confirm(url, "approve").await;
    let top_ups = world.billing.top_ups();
    top_ups.find(&world.owner, waiting.id).await.unwrap();
    let organization = world.owner.organization;
    let history = world.billing.history();
    let rows = history.page(organization, None, 50).await.unwrap().rows;
    let minutes = |at: types::time::Timestamp| (at - waiting.created_at).num_minutes();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (minutes(row.at), row.booked_later.map(minutes)))
        .collect();
    assert_eq!(seen, [(10, None), (0, Some(30))]);
    world.finish().await;
}
