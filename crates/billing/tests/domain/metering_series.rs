//! What an organization's usage is told apart by: projects, keys and models, so many and no more.

use billing::metering::{EventFault, MOST_SERIES};
use billing::{IngestError, Problem};
use types::usage::UsageEvent;

use crate::holds::{funded, request, used};
use crate::tamper::tamper;
use crate::world::{World, event};

/// What ids of keys that are gone begin with.
const GONE: &str = "00000000-0000-7000-8000-";

/// One event of a model.
fn of_model(id: &str, model: &str) -> UsageEvent {
    UsageEvent {
        model: model.to_owned(),
        ..event(id)
    }
}

/// As many series as leave room for one: of keys that are long gone.
async fn leave_room_for_one(world: &World) {
    let statement = format!(
        "insert into usage_series
             (organization_id, project_id, api_key_id, model, rate_effective_at)
         with recursive numbers (number) as (
             select 1 union all select number + 1 from numbers where number < {})
         select '{}', '{}', '{GONE}' || cast(100000000000 + number as text), 'gpt-oss-120b', 0
         from numbers",
        MOST_SERIES - 1,
        world.owner.organization,
        world.caller.project,
    );
    tamper(world.database(), &statement).await;
}

#[tokio::test]
async fn an_organization_has_so_many_series_and_no_more() {
    let world = funded().await;
    leave_room_for_one(&world).await;
    let usage = world.billing.usage();

    // Two more, where one has room: nothing of the call is taken. Which of the two is not said.
    let two = vec![event("1"), of_model("2", "glm-5.2")];
    let refused = usage.ingest(&world.caller, two).await.unwrap_err();
    let is_named = matches!(
        refused,
        IngestError::Event {
            fault: EventFault::TooManySeries,
            ..
        }
    );
    assert!(is_named, "{refused:?}");
    assert_eq!(refused.code(), "too_many_series");
    assert_eq!(refused.field().as_deref(), Some("data"));
    let one = usage.ingest(&world.caller, vec![event("1")]).await;
    assert_eq!(one.unwrap().counted, 1);
    for id in ["2", "3"] {
        let one_more = vec![of_model(id, "glm-5.2")];
        usage.ingest(&world.caller, one_more).await.unwrap_err();
    }
    let holds = world.billing.holds();
    let limits = holds.limits(world.owner.organization).await.unwrap();
    assert_eq!(limits.series, MOST_SERIES);

    // What is there goes on, in each version of its price; so do captures and other organizations.
    let dearer = billing::rates::SEED_JSON.replace("\"0.15\"", "\"0.20\"");
    let effective_at = "2026-03-11T13:00:00Z".parse().unwrap();
    let rates = world.billing.rates();
    rates.load(&dearer, effective_at).await.unwrap();
    world.clock.set(effective_at);
    let again = usage.ingest(&world.caller, vec![event("4")]).await;
    assert_eq!(again.unwrap().counted, 1);
    let other_model = billing::holds::OpenHold {
        model: "glm-5.2".to_owned(),
        ..request()
    };
    let hold = holds.open(&world.caller, other_model).await.unwrap();
    let captured = holds.capture(world.caller.organization, hold.id, used(112, 44));
    captured.await.unwrap();
    let (_, other, _) = world.another().await;
    let elsewhere = usage.ingest(&other, vec![of_model("1", "glm-5.2")]).await;
    assert_eq!(elsewhere.unwrap().counted, 1);

    let gone = format!("delete from usage_series where api_key_id like '{GONE}%'");
    tamper(world.database(), &gone).await;
    world.finish().await;
}
