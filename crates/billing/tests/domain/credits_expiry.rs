//! Credit that is not used in time.

use std::time::Duration;

use billing::credits::{Expiry, NewGrant};
use futures::future::{join, join_all};
use types::balance::Balance;
use types::time::Timestamp;

use crate::credits::{DAY, both, costly, dollars, exact, gift};
use crate::gateway_side::{VISA, another_process};
use crate::world::World;

impl World {
    async fn parts_at(&self, at: Timestamp) -> Balance {
        let prepaid = self.billing.prepaid();
        let balance = prepaid.balance_at(self.owner.organization, at).await;
        balance.unwrap()
    }
}

#[tokio::test]
async fn expired_credit_is_not_available_and_pays_nothing_however_late_the_job_is() {
    let world = World::new().await;
    let given = world.give(gift("short", dollars(5))).await;
    world.top_up(500, VISA).await;
    world.use_up(vec![costly("1")]).await;
    let expires_at = given.expires_at.unwrap();
    world.clock.advance(90 * DAY - Duration::from_secs(1));
    assert_eq!(
        both(&world.parts().await),
        ("8.50".to_owned(), "8.50".to_owned())
    );
    assert_eq!(world.billing.credits().expire_due().await.unwrap().lots, 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(
        both(&world.parts().await),
        ("8.50".to_owned(), "5.00".to_owned())
    );
    world.clock.advance(DAY);
    // It is paid from what was bought; the gift stays as it was.
    world
        .use_up(vec![costly("2"), costly("3"), costly("4"), costly("5")])
        .await;
    let balance = world.parts().await;
    assert_eq!(exact(balance.owed), "1.00");
    assert_eq!(both(&balance), ("2.50".to_owned(), "-1.00".to_owned()));
    // A day late, two processes at once.
    world.clock.advance(DAY);
    let expired = world.billing.credits().expire_due().await.unwrap();
    assert_eq!(
        (expired.lots, exact(expired.amount)),
        (1, "3.50".to_owned())
    );
    assert_eq!(world.billing.credits().expire_due().await.unwrap().lots, 0);
    assert_eq!(
        both(&world.parts().await),
        ("-1.00".to_owned(), "-1.00".to_owned())
    );
    // What was available then does not depend on when the job came.
    for (at, posted, available) in [
        (expires_at - Duration::from_secs(1), "8.50", "8.50"),
        (expires_at, "8.50", "5.00"),
        (expires_at + DAY, "2.50", "-1.00"),
        (expires_at + 2 * DAY, "-1.00", "-1.00"),
    ] {
        let expected = (posted.to_owned(), available.to_owned());
        assert_eq!(both(&world.parts_at(at).await), expected, "at {at}");
    }
    world.finish().await;
}

#[tokio::test]
async fn gifts_and_expiries_are_rows_of_the_history_with_their_signs() {
    let world = World::new().await;
    world.give(gift("one", dollars(5))).await;
    world.clock.advance(Duration::from_secs(60));
    world.top_up(500, VISA).await;
    world.clock.advance(90 * DAY);
    world.billing.credits().expire_due().await.unwrap();
    let history = world.billing.history();
    let organization = world.owner.organization;
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = history.page(organization, after.as_ref(), 1).await.unwrap();
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.description(), row.amount.signed(), row.status_label()))
        .collect();
    let row = |description: &str, amount: &str, status| {
        (description.to_owned(), amount.to_owned(), status)
    };
    assert_eq!(
        shown,
        [
            row("Expiry", "-$5.00", "Expired"),
            row("Credit", "+$5.00", "Credit"),
            row("Promotional credit", "+$5.00", "Promotional"),
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn lots_that_two_processes_expire_at_once_expire_once() {
    let world = World::new().await;
    let other = another_process(&world).await;
    for number in 0..30 {
        world
            .give(gift(&format!("gift-{number}"), dollars(1)))
            .await;
    }
    world.clock.advance(90 * DAY);
    let (ours, theirs) = (world.billing.credits(), other.credits());
    let runs = join_all((0..4).map(|run| {
        let credits = if run % 2 == 0 { &ours } else { &theirs };
        credits.expire_due()
    }))
    .await;
    let runs: Vec<_> = runs.into_iter().map(Result::unwrap).collect();
    assert_eq!(runs.iter().map(|run| run.lots).sum::<usize>(), 30);
    assert_eq!(runs.iter().map(|run| run.failed).sum::<usize>(), 0);
    assert_eq!(world.balance().await, "0.00");
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn usage_and_expiry_at_once_neither_pay_twice_nor_lose_a_lot() {
    let world = World::new().await;
    let other = another_process(&world).await;
    let caller = other
        .api_keys()
        .authenticate(&world.secret)
        .await
        .unwrap()
        .unwrap();
    for number in 0..10 {
        let days = 1 + number / 2;
        let expiry = Expiry::At(world.billing.now() + days * DAY);
        let grant = NewGrant {
            expiry,
            ..gift(&format!("gift-{number}"), dollars(2))
        };
        world.give(grant).await;
    }
    let uses = join_all((0..20_u32).map(|number| {
        let (world, other, caller) = (&world, &other, &caller);
        async move {
            let (billing, caller) = if number % 2 == 0 {
                (&world.billing, &world.caller)
            } else {
                (other, caller)
            };
            let event = costly(&format!("{number}"));
            billing.usage().ingest(caller, vec![event]).await.unwrap();
            if number % 4 == 3 {
                world.clock.advance(DAY);
            }
        }
    }));
    let expiries = async |billing: &billing::Billing| {
        let mut lots = 0;
        for _ in 0..20 {
            lots += billing.credits().expire_due().await.unwrap().lots;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        lots
    };
    let (_, (ours, theirs)) = join(uses, join(expiries(&world.billing), expiries(&other))).await;
    world.clock.advance(DAY);
    let last = world.billing.credits().expire_due().await.unwrap().lots;
    let (left, expired) = (world.lots().await, ours + theirs + last);
    assert!(
        left.iter().all(|lot| lot.lot.remaining.is_zero()),
        "{left:#?}"
    );
    // $30 were used; each lot paid, expired, or both.
    assert!(expired <= 10);
    let balance = world.parts().await;
    assert!(
        balance.promotional.is_zero() && balance.prepaid.is_zero(),
        "{balance:?}"
    );
    assert!(balance.owed >= dollars(10), "{balance:?}");
    other.close().await;
    world.finish().await;
}
