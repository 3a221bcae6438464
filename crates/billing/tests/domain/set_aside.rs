//! One organization's usage cannot be committed: the others' is, and together as ever.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use billing::{ApiKeyCaller, Billing, IngestError};
use futures::future::{join, join_all};
use sqlx::{AnyConnection, Connection};

use crate::commit_time::Ticking;
use crate::credits::{dollars, gift};
use crate::tamper::tamper;
use crate::world::{World, event};

const OTHERS: usize = 30;
const CALLS: usize = 10;
const ROUNDS: usize = 30;
/// What it costs to find out which one it is, as often as it is tried again: halves of halves.
const TO_FIND_IT: i64 = 24;
/// For how long nobody is asked again.
const TRIED_AGAIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_committed_costs_the_others_a_few_commits() {
    let world = World::new().await;
    let damaged = world.owner.organization;
    let credits = world.billing.credits();
    credits
        .grant(damaged, gift("welcome", dollars(5)))
        .await
        .unwrap();
    let others = callers(&world).await;
    let damage = |change: &str| {
        format!(
            "update lots set remaining_nano = remaining_nano {change}
             where organization_id = '{damaged}'"
        )
    };
    // Each commit has a time of its own.
    let clock = Ticking {
        began: world.billing.now(),
        looks: AtomicI64::new(0),
    };
    let billing = Billing::open(world.settings.clone(), Arc::new(clock)).await;
    let billing = billing.unwrap();
    for round in ROUNDS..2 * ROUNDS {
        let sound = calls(&billing, &others, round).await;
        assert!(sound.into_iter().all(|counted| counted.unwrap() == 1));
    }
    let of_sound = commits(&world).await;

    tamper(world.database(), &damage("- 1")).await;
    let began = Instant::now();
    for round in 0..ROUNDS {
        let ours = calls(&billing, std::slice::from_ref(&world.caller), round);
        let (ours, theirs) = join(ours, calls(&billing, &others, round)).await;
        for refused in ours {
            assert!(
                matches!(refused, Err(IngestError::NotCommitted)),
                "{refused:?}"
            );
        }
        for counted in theirs {
            assert_eq!(counted.unwrap(), 1);
        }
    }
    let times = i64::try_from(began.elapsed().as_secs() / TRIED_AGAIN.as_secs()).unwrap() + 1;
    let of_damaged = commits(&world).await - of_sound;
    let most = of_sound + of_sound / 2 + times * TO_FIND_IT;
    assert!(
        of_damaged <= most,
        "{of_damaged} commits, {of_sound} of sound ones"
    );

    // Once it is mended it is only a matter of moments.
    tamper(world.database(), &damage("+ 1")).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let caller = std::slice::from_ref(&world.caller);
    for counted in calls(&billing, caller, 0).await {
        assert_eq!(counted.unwrap(), 1);
    }
    billing.close().await;
    world.finish().await;
}

/// Each calls several times at once; how many events were counted in each call.
async fn calls(
    billing: &Billing,
    callers: &[ApiKeyCaller],
    round: usize,
) -> Vec<Result<usize, IngestError>> {
    let usage = billing.usage();
    let calls = (0..CALLS).flat_map(|call| callers.iter().map(move |caller| (call, caller)));
    let calls = calls.map(async |(call, caller)| {
        let events = vec![event(&format!("{round}-{call}"))];
        usage.ingest(caller, events).await.map(|done| done.counted)
    });
    join_all(calls).await
}

async fn callers(world: &World) -> Vec<ApiKeyCaller> {
    let (tenancy, keys) = (world.billing.tenancy(), world.billing.api_keys());
    let user = world.owner.user;
    let mut callers = Vec::new();
    for _ in 0..OTHERS {
        let organization = tenancy.create_organization("Other", user).await.unwrap();
        let viewer = tenancy.viewer(user, organization).await.unwrap().unwrap();
        let project = tenancy.create_project(&viewer, "Production").await.unwrap();
        let (_, secret) = keys.create(&viewer, project, "Gateway").await.unwrap();
        callers.push(keys.authenticate(&secret).await.unwrap().unwrap());
    }
    callers
}

async fn commits(world: &World) -> i64 {
    let mut outside = AnyConnection::connect(world.database_url()).await.unwrap();
    let commits = sqlx::query_scalar("select count(distinct created_at) from usage_batches");
    let commits = commits.fetch_one(&mut outside).await.unwrap();
    outside.close().await.unwrap();
    commits
}
