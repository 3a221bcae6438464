use super::*;

#[tokio::test]
async fn a_balance_is_known_at_any_past_instant() {
    let mut world = World::new().await;
    for (source, seconds) in [("1", 10), ("2", 20), ("3", 20), ("4", 30)] {
        world.top_up(source, 5, seconds).await;
    }
    let account = prepaid(world.organization);
    for (seconds, expected) in [
        (9, 0),
        (10, 5),
        (19, 5),
        (20, 15),
        (29, 15),
        (30, 20),
        (99, 20),
    ] {
        let balance = ledger::balance_at_in(&mut world.connection, &account, at(seconds))
            .await
            .unwrap();
        assert_eq!(balance.nanos(), expected, "after {seconds} s");
    }
    world.finish().await;
}

#[tokio::test]
async fn bookings_never_go_back_in_time() {
    let mut world = World::new().await;
    world.top_up("1", 5, 20).await;
    let late = world.top_up("2", 5, 10).await;
    assert_eq!(
        late,
        Posted::New {
            balance: nanos(10),
            booked_at: at(20)
        }
    );
    world.finish().await;
}

#[tokio::test]
async fn a_statement_lists_every_batch_once_newest_first() {
    let mut world = World::new().await;
    for number in 1..=7 {
        world.top_up(&number.to_string(), number, number).await;
    }
    let other = world.open_organization().await;
    let theirs = bought(other, lot(99), 100);
    world
        .post_to(other, &buying("theirs", vec![theirs], at(9)))
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = ledger::statement_in(&mut world.connection, world.organization, before, 3);
        let page = page.await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.sequence);
        seen.extend(
            page.iter()
                .map(|row| (row.source.clone(), row.amount.nanos(), row.balance.nanos())),
        );
    }
    let expected: Vec<_> = (1..=7)
        .rev()
        .map(|n: i64| (format!("test:{n}"), n, n * (n + 1) / 2))
        .collect();
    assert_eq!(seen, expected);
    world.finish().await;
}
