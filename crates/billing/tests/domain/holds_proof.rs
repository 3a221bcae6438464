//! Rows of holds that were changed behind the product's back, and the checks that find it.

use crate::holds::{funded, open, request, used};
use crate::tamper::tamper;

const HELD: &str = "open holds add up to what the books note as held";
const CAPTURES: &str = "every captured hold is a usage event, and the other way round";

/// One hold is captured and one is open; then each fault in a database of its own.
async fn each_is_found(faults: &[&str], expected: &str) {
    for statement in faults {
        let world = funded().await;
        let hold = open(&world, request()).await;
        open(&world, request()).await;
        let holds = world.billing.holds();
        let organization = world.owner.organization;
        holds
            .capture(organization, hold.id, used(112, 44))
            .await
            .unwrap();
        assert!(world.billing.prove().await.unwrap().holds());
        tamper(world.database(), statement).await;
        let proof = world.billing.prove().await.unwrap();
        let failed: Vec<_> = proof.checks.iter().filter(|check| !check.holds()).collect();
        let names: Vec<_> = failed.iter().map(|check| check.name).collect();
        assert_eq!(names, [expected], "{statement}: {failed:#?}");
        world.finish_broken().await;
    }
}

#[tokio::test]
async fn a_changed_note_of_what_is_held_is_found() {
    each_is_found(
        &[
            "update books set held_nano = held_nano + 1",
            "update books set held_nano = 0",
            "update books set hold_count = hold_count + 1",
        ],
        HELD,
    )
    .await;
}

#[tokio::test]
async fn a_changed_open_hold_is_found() {
    each_is_found(
        &[
            "update holds set amount_nano = amount_nano + 1 where state = 'open'",
            "update holds set state = 'released', closed_at = created_at where state = 'open'",
            "delete from holds where state = 'open'",
        ],
        HELD,
    )
    .await;
}

#[tokio::test]
async fn a_changed_capture_is_found() {
    each_is_found(
        &[
            "delete from holds where state = 'captured'",
            "update holds set event_position = event_position + 7 where state = 'captured'",
            "update holds set state = 'released', event_batch_no = null, event_position = null
             where state = 'captured'",
            "update holds set created_at = created_at - 1, expires_at = expires_at - 1
             where state = 'captured'",
            "update holds set model = 'glm-5.2' where state = 'captured'",
            "update usage_sources set source = 'holder'",
            // Another hold that says that the same event is its own.
            "insert into holds
             select '0' || substr(id, 2, 34) || 'f', organization_id, project_id, api_key_id,
                 client_id, model, input_tokens, requested_output_tokens, wanted_output_tokens,
                 max_output_tokens, amount_nano, state, created_at, expires_at, closed_at,
                 event_batch_no, event_position
             from holds where state = 'captured' and id not like '%f'
             union all
             select '0' || substr(id, 2, 34) || 'e', organization_id, project_id, api_key_id,
                 client_id, model, input_tokens, requested_output_tokens, wanted_output_tokens,
                 max_output_tokens, amount_nano, state, created_at, expires_at, closed_at,
                 event_batch_no, event_position
             from holds where state = 'captured' and id like '%f'",
        ],
        CAPTURES,
    )
    .await;
}

#[tokio::test]
async fn the_database_itself_refuses_holds_that_contradict_themselves() {
    use sqlx::{Connection, Executor};
    let world = funded().await;
    open(&world, request()).await;
    let mut connection = sqlx::AnyConnection::connect(world.database_url())
        .await
        .unwrap();
    for statement in [
        "update holds set state = 'released'",
        "update holds set closed_at = created_at",
        "update holds set state = 'captured', closed_at = created_at",
        "update holds set event_batch_no = 1",
        "update holds set amount_nano = -1",
        "update holds set max_output_tokens = wanted_output_tokens + 1",
        "update holds set expires_at = created_at",
        "update holds set state = 'forgotten'",
        "update books set held_nano = -1",
        "update books set hold_count = -1",
    ] {
        assert!(connection.execute(statement).await.is_err(), "{statement}");
    }
    connection.close().await.unwrap();
    world.finish().await;
}
