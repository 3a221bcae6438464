use billing::TenancyError;
use types::ids::{ApiKeyId, ProjectId};

use crate::world::World;

#[tokio::test]
async fn a_key_works_until_it_is_revoked_and_its_secret_is_stored_nowhere() {
    let world = World::new().await;
    let keys = world.billing.api_keys();
    let organization = world.owner.organization;
    assert!(world.secret.starts_with("zgpu-"));
    assert_eq!(
        keys.authenticate(&world.secret).await.unwrap(),
        Some(world.caller)
    );
    let listed = keys.list(organization).await.unwrap();
    assert_eq!(listed.len(), 1);
    let last_four = &world.secret[world.secret.len() - 4..];
    assert_eq!(listed[0].masked, format!("zgpu-…{last_four}"));
    for wrong in [
        "",
        "zgpu-",
        &world.secret.replace('a', "b"),
        &world.secret.to_uppercase(),
    ] {
        if *wrong != world.secret {
            assert_eq!(keys.authenticate(wrong).await.unwrap(), None);
        }
    }
    keys.revoke(&world.owner, world.caller.api_key)
        .await
        .unwrap();
    keys.revoke(&world.owner, world.caller.api_key)
        .await
        .unwrap();
    assert_eq!(keys.authenticate(&world.secret).await.unwrap(), None);
    assert!(
        keys.list(organization).await.unwrap()[0]
            .revoked_at
            .is_some()
    );
    world.finish().await;
}

#[tokio::test]
async fn keys_and_projects_of_another_organization_are_not_there() {
    let world = World::new().await;
    let (stranger, theirs, _) = world.another().await;
    let keys = world.billing.api_keys();
    for key in [world.caller.api_key, ApiKeyId::generate()] {
        let refused = keys.revoke(&stranger, key).await;
        assert!(matches!(refused, Err(TenancyError::NotFound { .. })));
    }
    for project in [world.caller.project, ProjectId::generate()] {
        let refused = keys.create(&stranger, project, "K").await;
        assert!(matches!(refused, Err(TenancyError::NotFound { .. })));
    }
    let tenancy = world.billing.tenancy();
    let projects = tenancy.projects(stranger.organization).await.unwrap();
    assert_eq!(
        projects
            .iter()
            .map(|project| project.id)
            .collect::<Vec<_>>(),
        [theirs.project]
    );
    assert!(
        tenancy
            .viewer(world.owner.user, stranger.organization)
            .await
            .unwrap()
            .is_none()
    );
    assert!(keys.authenticate(&world.secret).await.unwrap().is_some());
    world.finish().await;
}

#[tokio::test]
async fn requests_that_wait_side_by_side_are_each_told_whose_they_are() {
    let world = World::new().await;
    let keys = world.billing.api_keys();
    let unknown = format!("zgpu-{}", "0".repeat(48));
    let asked = (0..200).map(|number| {
        let secret = match number % 2 {
            0 => &world.secret,
            _ => &unknown,
        };
        keys.authenticate(secret)
    });
    for (number, found) in futures::future::join_all(asked)
        .await
        .into_iter()
        .enumerate()
    {
        let expected = (number % 2 == 0).then_some(world.caller);
        assert_eq!(found.unwrap(), expected, "request {number}");
    }
    world.finish().await;
}
