//! Faults in lots, grants and expiries, each planted behind the product's back and found.

use std::time::Duration;

use billing::credits::{Expiry, NewGrant};
use types::money::Money;
use types::usage::{Tokens, UsageEvent};

use crate::gateway_side::VISA;
use crate::proof_money_back::CLEARING;
use crate::tamper::tamper;
use crate::world::{World, event};

const CHAIN: &str = "batches seal one another without a break";
const LOTS: &str = "transfers add up to what is left of each lot, lots to balances";
const POSTED: &str = "usage is posted as it was counted";
const TOP_UPS: &str = "top-ups are credited once and only when paid";
const GRANTS: &str = "credit is given once and as it was granted";
const ENDS: &str = "lots open by a grant or a top-up and expire when they are due";
const EXPIRED: &str = "nothing is paid from a lot that has expired";

const HOUR: Duration = Duration::from_secs(3_600);

/// What is done to the rows, and the checks that find it: these and no others.
type Fault = (&'static str, &'static [&'static str]);

/// $5 are bought and $2 given for good, $3 given for a day of which $1.50 are used; the rest
/// expires. Then each fault in a database of its own.
async fn each_is_found(faults: &[Fault]) {
    for (statement, expected) in faults {
        let world = World::new().await;
        let organization = world.owner.organization;
        let credits = world.billing.credits();
        let dollars = |amount: i64| Money::from_nanos(amount * 1_000_000_000);
        let gift = |key: &str, amount| NewGrant::new(key.to_owned(), amount, "A gift".to_owned());
        world.top_up(500, VISA).await;
        for (key, amount, expiry) in [
            ("lasting", 2, Expiry::Never),
            ("short", 3, Expiry::At(world.billing.now() + 24 * HOUR)),
        ] {
            let grant = NewGrant {
                expiry,
                ..gift(key, dollars(amount))
            };
            credits.grant(organization, grant).await.unwrap();
        }
        world.clock.advance(HOUR);
        let request = UsageEvent {
            tokens: Tokens {
                input: 10_000_000,
                cached_input: 0,
                output: 0,
            },
            ..event("1")
        };
        let usage = world.billing.usage();
        usage.ingest(&world.caller, vec![request]).await.unwrap();
        world.clock.advance(24 * HOUR);
        assert_eq!(credits.expire_due().await.unwrap().lots, 1);
        assert!(world.billing.prove().await.unwrap().holds());
        tamper(world.database(), statement).await;
        let proof = world.billing.prove().await.unwrap();
        let failed: Vec<_> = proof.checks.iter().filter(|check| !check.holds()).collect();
        let names: Vec<_> = failed.iter().map(|check| check.name).collect();
        assert_eq!(names, *expected, "{statement}: {failed:#?}");
        world.finish_broken().await;
    }
}

#[tokio::test]
async fn a_changed_grant_is_found() {
    each_is_found(&[
        (
            "update credit_grants set amount_nano = amount_nano + 1 where key = 'lasting'",
            &[GRANTS],
        ),
        (
            "update credit_grants set organization_id = 'nobody' where key = 'lasting'",
            &[GRANTS],
        ),
        (
            "update credit_grants set key = 'other' where key = 'lasting'",
            &[GRANTS],
        ),
        (
            "update credit_grants set priority = 1 where key = 'short'",
            &[GRANTS],
        ),
        (
            "update credit_grants set granted_at = granted_at - 1 where key = 'short'",
            &[GRANTS],
        ),
        (
            "update credit_grants set expires_at = null where key = 'short'",
            &[GRANTS],
        ),
        ("delete from credit_grants where key = 'lasting'", &[GRANTS]),
    ])
    .await;
}

#[tokio::test]
async fn a_lot_that_ends_at_another_time_is_found() {
    each_is_found(&[
        // Half an hour before something was paid from it.
        (
            "update lots set expires_at = opened_at + 1800000000 where granted_nano = 3000000000",
            &[CHAIN, GRANTS, EXPIRED],
        ),
        // Long after it was taken out.
        (
            "update lots set expires_at = opened_at + 864000000000 where granted_nano = 3000000000",
            &[CHAIN, GRANTS, ENDS],
        ),
        (
            "update lots set expires_at = null where granted_nano = 3000000000",
            &[CHAIN, GRANTS, ENDS],
        ),
        (
            "update lots set opened_at = opened_at - 1 where granted_nano = 2000000000",
            &[ENDS],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_end_or_a_beginning_that_is_another_is_found() {
    each_is_found(&[
        (
            "update batches set source = 'expiry:' ||
                 (select id from lots where granted_nano = 2000000000)
             where code = 'grant_expiry'",
            &[CHAIN, ENDS, EXPIRED],
        ),
        (
            "update batches set code = 'usage' where code = 'grant_expiry'",
            &[CHAIN, POSTED],
        ),
        (
            "update transfers set credit_account_id = 'platform:usage_revenue'
             where credit_account_id = 'platform:expired_credit'",
            &[CHAIN, ENDS],
        ),
        (
            "update batches set code = 'grant' where code = 'top_up'",
            &[CHAIN, CLEARING, GRANTS, ENDS],
        ),
        (
            "update batches set code = 'top_up' where source = 'grant:lasting'",
            &[CHAIN, TOP_UPS, GRANTS, ENDS],
        ),
        (
            "update transfers set debit_account_id = 'platform:gateway_clearing'
             where debit_account_id = 'platform:promotion_expense' and amount_nano = 2000000000",
            &[CHAIN, CLEARING, GRANTS],
        ),
        (
            "update lots set account_kind = 'prepaid' where granted_nano = 2000000000",
            &[LOTS, GRANTS, ENDS],
        ),
    ])
    .await;
}
