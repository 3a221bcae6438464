//! Credit in lots: given, used in order, listed.

use std::time::Duration;

use billing::Problem;
use billing::credits::{CreditLot, Expiry, Granted, LotKind, MOST_LOTS, NewGrant, OpenedBy};
use billing::transactions::EventRange;
use futures::future::{join, join_all};
use types::balance::Balance;
use types::ids::{LotId, OrganizationId};
use types::money::Money;
use types::usage::{Tokens, UsageEvent};

use crate::gateway_side::{VISA, another_process};
use crate::world::{World, event};

pub const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Whole dollars.
pub fn dollars(amount: i64) -> Money {
    Money::from_nanos(amount * 1_000_000_000)
}

pub fn gift(key: &str, amount: Money) -> NewGrant {
    NewGrant::new(key.to_owned(), amount, "A gift".to_owned())
}

/// Requests that cost $1.50 each: ten million tokens of input at $0.15 a million.
pub fn costly(id: &str) -> UsageEvent {
    UsageEvent {
        tokens: Tokens {
            input: 10_000_000,
            cached_input: 0,
            output: 0,
        },
        ..event(id)
    }
}

impl World {
    pub async fn give(&self, grant: NewGrant) -> Granted {
        let organization = self.owner.organization;
        let given = self.billing.credits().grant(organization, grant).await;
        given.unwrap()
    }

    async fn refused(&self, organization: OrganizationId, grant: NewGrant) -> &'static str {
        let given = self.billing.credits().grant(organization, grant).await;
        given.unwrap_err().code()
    }

    pub async fn use_up(&self, events: Vec<UsageEvent>) {
        let usage = self.billing.usage();
        usage.ingest(&self.caller, events).await.unwrap();
    }

    /// The newest first.
    pub async fn lots(&self) -> Vec<CreditLot> {
        let credits = self.billing.credits();
        let lots = credits.lots(self.owner.organization, None, MOST_LOTS);
        lots.await.unwrap()
    }

    /// What is left by the key of the grant, `top-up` for what was bought; the oldest first.
    async fn left(&self) -> Vec<(String, String)> {
        let named = |lot: CreditLot| {
            let name = match lot.opened_by {
                OpenedBy::TopUp(_) => "top-up".to_owned(),
                OpenedBy::GivenBack { source } => source,
                OpenedBy::Grant { key, .. } => key,
            };
            (name, lot.lot.remaining.dollars().exact())
        };
        self.lots().await.into_iter().rev().map(named).collect()
    }

    pub async fn parts(&self) -> Balance {
        let prepaid = self.billing.prepaid();
        prepaid.balance(self.owner.organization).await.unwrap()
    }
}

pub fn exact(amount: Money) -> String {
    amount.dollars().exact()
}

/// Posted and available.
pub fn both(balance: &Balance) -> (String, String) {
    let (posted, available) = (balance.posted().unwrap(), balance.available().unwrap());
    (exact(posted), exact(available))
}

#[tokio::test]
async fn credit_is_used_by_priority_then_expiry_then_given_before_bought_then_age() {
    let world = World::new().await;
    let in_days = |days: u32| Expiry::At(world.billing.now() + days * DAY);
    world.top_up(500, VISA).await;
    world.clock.advance(Duration::from_secs(1));
    world.top_up(500, VISA).await;
    let grants = [
        ("never", Expiry::Never, 0),
        ("late", in_days(20), 0),
        ("soon", in_days(10), 0),
        ("last", in_days(5), 1),
        ("first", Expiry::Never, -1),
    ];
    for (key, expiry, priority) in grants {
        let grant = NewGrant {
            expiry,
            priority,
            ..gift(key, dollars(3))
        };
        world.give(grant).await;
    }
    // Each step uses $3: what is left of the two top-ups, then of the gifts as they were given.
    let steps = [
        ("first", "5.00 5.00 3.00 3.00 3.00 3.00 0.00"),
        ("soon", "5.00 5.00 3.00 3.00 0.00 3.00 0.00"),
        ("late", "5.00 5.00 3.00 0.00 0.00 3.00 0.00"),
        ("never", "5.00 5.00 0.00 0.00 0.00 3.00 0.00"),
        ("the older top-up", "2.00 5.00 0.00 0.00 0.00 3.00 0.00"),
        ("both top-ups", "0.00 4.00 0.00 0.00 0.00 3.00 0.00"),
        ("the newer top-up", "0.00 1.00 0.00 0.00 0.00 3.00 0.00"),
        ("last", "0.00 0.00 0.00 0.00 0.00 1.00 0.00"),
    ];
    for (step, expected) in steps {
        let ids = [format!("{step} 1"), format!("{step} 2")];
        let events = ids.iter().map(|id| costly(id)).collect();
        world.use_up(events).await;
        let left = world.left().await;
        let left: Vec<String> = left.into_iter().map(|(_, left)| left).collect();
        assert_eq!(left.join(" "), expected, "after {step}");
    }
    world.use_up(vec![costly("over 1"), costly("over 2")]).await;
    let balance = world.parts().await;
    assert_eq!(exact(balance.owed), "2.00");
    assert_eq!(both(&balance), ("-2.00".to_owned(), "-2.00".to_owned()));
    world.finish().await;
}

#[tokio::test]
async fn one_batch_of_usage_is_paid_from_several_lots_and_says_from_which() {
    let world = World::new().await;
    world.give(gift("one", dollars(1))).await;
    world.clock.advance(DAY);
    world.give(gift("two", dollars(1))).await;
    world.top_up(500, VISA).await;
    world.use_up(vec![costly("1"), costly("2")]).await;
    let transactions = world.billing.transactions();
    let organization = world.owner.organization;
    let page = transactions.page(organization, None, 1).await.unwrap();
    let range = EventRange { after: 0, limit: 1 };
    let newest = page.transactions[0].id;
    let found = transactions.find(organization, newest, range).await;
    let found = found.unwrap().unwrap();
    let paid: Vec<_> = found
        .transfers
        .iter()
        .map(|transfer| (transfer.debit.as_str(), exact(transfer.amount)))
        .collect();
    let expected = [
        ("promotional", "1.00"),
        ("promotional", "1.00"),
        ("prepaid", "1.00"),
    ];
    assert_eq!(
        paid,
        expected.map(|(account, amount)| (account, amount.to_owned()))
    );
    let named: Vec<Option<LotId>> = found.transfers.iter().map(|t| t.lot).collect();
    let lots: Vec<Option<LotId>> = found.lots.iter().map(|lot| Some(lot.id)).collect();
    assert_eq!(named, lots);
    let left: Vec<_> = found
        .lots
        .iter()
        .map(|lot| (lot.kind, exact(lot.remaining)))
        .collect();
    let expected = [
        (LotKind::Promotion, "0.00".to_owned()),
        (LotKind::Promotion, "0.00".to_owned()),
        (LotKind::Purchase, "4.00".to_owned()),
    ];
    assert_eq!(left, expected);
    world.finish().await;
}

#[tokio::test]
async fn credit_settles_what_is_owed_before_it_opens_a_lot() {
    let world = World::new().await;
    world.use_up(vec![costly("1")]).await;
    let given = world.give(gift("small", dollars(1))).await;
    assert_eq!(both(&world.parts().await).0, "-0.50");
    assert_eq!(world.lots().await, []);
    assert_eq!(given.amount, dollars(1));
    world.give(gift("large", dollars(5))).await;
    let balance = world.parts().await;
    assert_eq!(
        (exact(balance.owed), exact(balance.promotional)),
        ("0.00".to_owned(), "4.50".to_owned())
    );
    let lots = world.lots().await;
    assert_eq!(
        (exact(lots[0].lot.granted), lots.len()),
        ("4.50".to_owned(), 1)
    );
    world
        .use_up(vec![costly("2"), costly("3"), costly("4"), costly("5")])
        .await;
    world.top_up(500, VISA).await;
    assert_eq!(both(&world.parts().await).0, "3.50");
    let lots = world.lots().await;
    assert_eq!(exact(lots[0].lot.granted), "3.50");
    assert!(matches!(lots[0].opened_by, OpenedBy::TopUp(_)));
    world.finish().await;
}

#[tokio::test]
async fn the_same_grant_again_changes_nothing_and_another_under_its_key_is_refused() {
    let world = World::new().await;
    let (other, ..) = world.another().await;
    let organization = world.owner.organization;
    let first = world.give(gift("key", dollars(5))).await;
    assert!(first.is_new);
    // "In 90 days" is 90 days from the grant, whenever it is repeated.
    world.clock.advance(100 * DAY);
    let again = world.give(gift("key", dollars(5))).await;
    assert_eq!(
        again,
        Granted {
            is_new: false,
            ..first.clone()
        }
    );
    let at = Expiry::At(first.expires_at.unwrap());
    let the_same = NewGrant {
        expiry: at,
        ..gift("key", dollars(5))
    };
    assert!(!world.give(the_same).await.is_new);
    let with = |change: fn(&mut NewGrant)| {
        let mut grant = gift("key", dollars(5));
        change(&mut grant);
        grant
    };
    for (organization, grant) in [
        (organization, with(|grant| grant.amount = dollars(6))),
        (
            organization,
            with(|grant| grant.reason = "Another".to_owned()),
        ),
        (organization, with(|grant| grant.priority = 1)),
        (organization, with(|grant| grant.expiry = Expiry::Never)),
        (other.organization, with(|_| {})),
    ] {
        assert_eq!(world.refused(organization, grant).await, "key_reused");
    }
    let balance = world.parts().await;
    assert_eq!(exact(balance.promotional), "5.00");
    assert_eq!(world.balance_of(other.organization).await, "0.00");
    world.finish().await;
}

#[tokio::test]
async fn a_grant_that_cannot_be_is_refused_and_its_key_stays_free() {
    let world = World::new().await;
    let nobody = OrganizationId::generate();
    assert_eq!(
        world.refused(nobody, gift("key", dollars(5))).await,
        "not_found"
    );
    let organization = world.owner.organization;
    let now = Expiry::At(world.billing.now());
    let over = NewGrant {
        expiry: now,
        ..gift("key", dollars(5))
    };
    assert_eq!(world.refused(organization, over).await, "invalid_expiry");
    let nothing = gift("key", Money::ZERO);
    assert_eq!(world.refused(organization, nothing).await, "invalid_amount");
    assert!(world.give(gift("key", dollars(5))).await.is_new);
    world.finish().await;
}

#[tokio::test]
async fn the_same_grant_by_two_processes_at_once_is_given_once() {
    let world = World::new().await;
    let other = another_process(&world).await;
    let (elsewhere, ..) = world.another().await;
    let grants = (0..20).map(|number| {
        let billing = if number % 2 == 0 {
            &world.billing
        } else {
            &other
        };
        let credits = billing.credits();
        let organization = world.owner.organization;
        async move { credits.grant(organization, gift("key", dollars(5))).await }
    });
    let given = join_all(grants).await;
    let new = given.iter().filter(|given| given.as_ref().unwrap().is_new);
    assert_eq!(new.count(), 1);
    // Under one key to two organizations: one of them has it.
    let (ours, theirs) = (world.billing.credits(), other.credits());
    let (ours, theirs) = join(
        ours.grant(world.owner.organization, gift("one", dollars(1))),
        theirs.grant(elsewhere.organization, gift("one", dollars(1))),
    )
    .await;
    let given: Vec<_> = [ours, theirs]
        .into_iter()
        .map(|given| given.map_err(|e| e.code()))
        .collect();
    assert_eq!(
        given.iter().filter(|given| given.is_ok()).count(),
        1,
        "{given:?}"
    );
    assert!(given.contains(&Err("key_reused")), "{given:?}");
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn lots_are_listed_page_by_page_with_what_opened_them() {
    let world = World::new().await;
    let (other, ..) = world.another().await;
    for number in 0..5 {
        world
            .give(gift(&format!("gift-{number}"), dollars(1)))
            .await;
    }
    world.top_up(500, VISA).await;
    let credits = world.billing.credits();
    let organization = world.owner.organization;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = credits.lots(organization, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.lot.id);
        seen.extend(page);
    }
    assert_eq!(seen, world.lots().await);
    assert_eq!(seen.len(), 6);
    let gifts = seen.iter().filter(
        |lot| matches!(&lot.opened_by, OpenedBy::Grant { reason, .. } if reason == "A gift"),
    );
    assert_eq!(gifts.count(), 5);
    // Another organization sees none of them, and cannot start a page at one.
    assert_eq!(
        credits.lots(other.organization, None, 10).await.unwrap(),
        []
    );
    assert_eq!(
        credits.lots(other.organization, after, 10).await.unwrap(),
        []
    );
    world.finish().await;
}
