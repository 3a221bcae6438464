use super::*;

#[tokio::test]
async fn the_schema_refuses_an_account_that_is_not_named_for_its_owner() {
    let mut world = World::new().await;
    let (ours, theirs) = (world.organization, world.open_organization().await);
    for id in [
        format!("{theirs}:promotional"),
        format!("{ours}:owed"),
        "platform:promotional".to_owned(),
        "promotional".to_owned(),
    ] {
        let statement = format!(
            "insert into accounts
                 (id, organization_id, kind, normal_side, balance_nano, created_at)
             values ('{id}', '{ours}', 'promotional', 'credit', 0, 0)"
        );
        let message = refused(&mut world.connection, &statement).await;
        let message = message.to_lowercase();
        assert!(message.contains("check constraint"), "{id}: {message}");
    }
    world.finish().await;
}
