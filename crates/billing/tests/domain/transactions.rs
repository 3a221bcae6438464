//! Transactions: what moved a balance, in order, and one of them explained to the last digit.

use billing::transactions::{EventRange, Explained};
use types::money::Dollars;
use types::usage::{Tokens, UsageEvent};

use crate::world::{World, event};

const ALL: EventRange = EventRange {
    after: 0,
    limit: 1_000,
};

async fn report(world: &World, events: Vec<UsageEvent>) {
    world
        .billing
        .usage()
        .ingest(&world.caller, events)
        .await
        .unwrap();
}

/// The newest transaction, explained.
async fn newest(world: &World, events: EventRange) -> Explained {
    let transactions = world.billing.transactions();
    let page = transactions
        .page(world.owner.organization, None, 1)
        .await
        .unwrap();
    let id = page.transactions[0].id;
    let found = transactions.find(world.owner.organization, id, events);
    found.await.unwrap().unwrap()
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended_and_miss_nothing() {
    let world = World::new().await;
    world.top_up(2_500, "4242424242424242").await;
    for id in ["1", "2", "3", "4"] {
        report(&world, vec![event(id)]).await;
    }
    let transactions = world.billing.transactions();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = transactions
            .page(world.owner.organization, before, 2)
            .await
            .unwrap();
        assert!(page.transactions.len() <= 2);
        seen.extend(page.transactions);
        // What is posted meanwhile is newer than any page that is still to come.
        report(&world, vec![event(&format!("later-{}", seen.len()))]).await;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let codes: Vec<_> = seen.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, ["usage", "usage", "usage", "usage", "top_up"]);
    for pair in seen.windows(2) {
        let before = pair[1].balance;
        assert_eq!(before.plus(pair[0].amount).unwrap(), pair[0].balance);
    }
    assert_eq!(seen[4].amount.dollars().exact(), "25.00");
    assert_eq!(seen[0].balance.dollars().exact(), "24.9998272");
    world.finish().await;
}

#[tokio::test]
async fn a_top_up_is_explained_by_its_transfer_and_its_posting() {
    let world = World::new().await;
    world.top_up(2_500, "4242424242424242").await;
    let found = newest(&world, ALL).await;
    assert!(found.transaction.source.starts_with("topup:"));
    assert_eq!(found.usage, None);
    let first = &found.transfers[0];
    assert_eq!(
        (first.debit.as_str(), first.credit.as_str()),
        ("gateway_clearing", "prepaid")
    );
    let [posting] = &found.postings[..] else {
        panic!("{:?}", found.postings)
    };
    assert_eq!(posting.account, "prepaid");
    assert_eq!(posting.amount, found.transaction.amount);
    assert_eq!(posting.balance, found.transaction.balance);
    world.finish().await;
}

#[tokio::test]
async fn usage_is_explained_down_to_its_events_and_adds_up_to_the_last_digit() {
    let world = World::new().await;
    world.top_up(2_500, "4242424242424242").await;
    // 37,500 pico-dollars a token: seven of them leave half a nano-dollar over.
    let card = billing::rates::SEED_JSON.replace("\"0.15\"", "\"0.0375\"");
    let effective_at = "2026-02-01T00:00:00Z".parse().unwrap();
    world
        .billing
        .rates()
        .load(&card, effective_at)
        .await
        .unwrap();
    let fine = |id: &str, input: i64| UsageEvent {
        tokens: Tokens {
            input,
            ..Tokens::default()
        },
        subject: Some("user-1".to_owned()),
        claimed_cost: Some(Dollars::new("0.5".parse().unwrap())),
        ..event(id)
    };
    report(&world, vec![fine("first", 7)]).await;
    report(&world, vec![fine("a", 1), event("b"), fine("c", 3)]).await;
    let found = newest(&world, ALL).await;
    let usage = found.usage.as_ref().unwrap();
    assert_eq!(usage.event_count, 3);
    assert_eq!(usage.next, None);
    assert_eq!(
        (usage.carried_in.picos(), usage.carried_out.picos()),
        (500, 500)
    );
    let costs: i64 = usage.events.iter().map(|event| event.cost.picos()).sum();
    assert_eq!(costs, usage.cost.picos());
    assert_eq!(
        usage.carried_in.picos() + usage.cost.picos(),
        1_000 * usage.posted.nanos() + usage.carried_out.picos()
    );
    assert_eq!(found.transaction.amount, usage.posted.negated().unwrap());
    for event in &usage.events {
        let input = event.rates.input.map_or(0, |rate| rate.picos_a_token());
        let output = event.rates.output.map_or(0, |rate| rate.picos_a_token());
        let tokens = event.tokens;
        assert_eq!(
            event.cost.picos(),
            tokens.input * input + tokens.output * output
        );
    }
    let first = &usage.events[0];
    assert_eq!(first.subject.as_deref(), Some("user-1"));
    assert_eq!(first.claimed_cost.unwrap().exact(), "0.50");
    assert_eq!(usage.events[1].claimed_cost, None);
    world.finish().await;
}

#[tokio::test]
async fn a_transactions_events_come_in_pages_under_the_ids_that_they_were_sent_with() {
    let world = World::new().await;
    let sent = [
        "req-7f3a",
        "01932f6e-7c1a-7000-8000-0123456789ab",
        "01932F6E-7C1A-7000-8000-0123456789AB",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "chatcmpl-1",
    ];
    let events = sent.into_iter().map(event).collect();
    report(&world, events).await;
    let mut ids = Vec::new();
    let mut after = Some(0);
    while let Some(place) = after {
        let range = EventRange {
            after: place,
            limit: 2,
        };
        let usage = newest(&world, range).await.usage.unwrap();
        assert!(usage.events.len() <= 2);
        ids.extend(usage.events.into_iter().map(|event| event.id));
        after = usage.next;
    }
    assert_eq!(ids, sent);
    world.finish().await;
}

#[tokio::test]
async fn what_is_another_organizations_is_like_what_is_not_there() {
    let world = World::new().await;
    report(&world, vec![event("1")]).await;
    let theirs = newest(&world, ALL).await.transaction.id;
    let (stranger, _, _) = world.another().await;
    let transactions = world.billing.transactions();
    let found = transactions.find(stranger.organization, theirs, ALL);
    assert_eq!(found.await.unwrap(), None);
    let page = transactions.page(stranger.organization, None, 10);
    assert_eq!(page.await.unwrap().transactions, []);
    world.finish().await;
}
