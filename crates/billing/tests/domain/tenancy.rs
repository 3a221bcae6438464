use std::time::Duration;

use billing::{SignInError, TenancyError};
use types::ids::{ApiKeyId, OrganizationId, ProjectId};

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_person_signs_in_is_found_by_the_session_and_signs_out() {
    let world = World::new().await;
    let sessions = world.billing.sessions();
    let session = sessions
        .sign_in(" Owner@Example.com ", PASSWORD, "::1")
        .await
        .unwrap();
    assert_eq!(
        sessions.find(&session.token).await.unwrap(),
        Some(world.owner.clone())
    );
    sessions.sign_out(&session.token).await.unwrap();
    assert_eq!(sessions.find(&session.token).await.unwrap(), None);
    for token in ["", "x", &"x".repeat(1_000)] {
        assert_eq!(sessions.find(token).await.unwrap(), None);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_or_old() {
    let world = World::new().await;
    let sessions = world.billing.sessions();
    let idle = sessions
        .sign_in("owner@example.com", PASSWORD, "::1")
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(7 * 86_400));
    assert!(sessions.find(&idle.token).await.unwrap().is_none());
    let used = sessions
        .sign_in("owner@example.com", PASSWORD, "::1")
        .await
        .unwrap();
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(5 * 86_400));
        assert!(sessions.find(&used.token).await.unwrap().is_some());
    }
    world.clock.advance(Duration::from_secs(5 * 86_400));
    assert!(sessions.find(&used.token).await.unwrap().is_none());
    world.finish().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_person_are_answered_alike_and_slowed_down() {
    let world = World::new().await;
    let sessions = world.billing.sessions();
    for email in ["owner@example.com", "nobody@example.com"] {
        for _ in 0..5 {
            let refused = sessions.sign_in(email, "not the passphrase", "::1").await;
            assert!(matches!(refused, Err(SignInError::Incorrect)));
        }
        let refused = sessions.sign_in(email, PASSWORD, "::1").await;
        assert!(
            matches!(refused, Err(SignInError::Throttled { .. })),
            "{email}"
        );
    }
    world.clock.advance(Duration::from_secs(31));
    assert!(
        sessions
            .sign_in("owner@example.com", PASSWORD, "::1")
            .await
            .is_ok()
    );
    // The count starts again after a success.
    let refused = sessions
        .sign_in("owner@example.com", "not the passphrase", "::1")
        .await;
    assert!(matches!(refused, Err(SignInError::Incorrect)));
    assert!(
        sessions
            .sign_in("owner@example.com", PASSWORD, "::1")
            .await
            .is_ok()
    );
    world.finish().await;
}

#[tokio::test]
async fn addresses_names_and_passwords_are_checked() {
    let world = World::new().await;
    let tenancy = world.billing.tenancy();
    for email in ["", "x", "@example.com", "x@", "a b@example.com", "a@b@c"] {
        let refused = tenancy.create_user(email, PASSWORD).await;
        assert!(
            matches!(refused, Err(TenancyError::NotAnEmail)),
            "{email:?}"
        );
    }
    let taken = tenancy.create_user("OWNER@example.com", PASSWORD).await;
    assert!(matches!(taken, Err(TenancyError::EmailTaken)));
    let organization = world.owner.organization;
    for name in ["", "  ", "a\nb", &"x".repeat(101)] {
        let refused = tenancy.create_project(organization, name).await;
        assert!(matches!(refused, Err(TenancyError::Name)), "{name:?}");
    }
    let taken = tenancy.create_project(organization, " Production ").await;
    assert!(matches!(taken, Err(TenancyError::NameTaken)));
    let nowhere = tenancy
        .create_project(OrganizationId::generate(), "P")
        .await;
    assert!(matches!(nowhere, Err(TenancyError::NotFound { .. })));
    world.finish().await;
}

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
    keys.revoke(organization, world.caller.api_key)
        .await
        .unwrap();
    keys.revoke(organization, world.caller.api_key)
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
    let theirs_not_ours = stranger.organization;
    for key in [world.caller.api_key, ApiKeyId::generate()] {
        let refused = keys.revoke(theirs_not_ours, key).await;
        assert!(matches!(refused, Err(TenancyError::NotFound { .. })));
    }
    for project in [world.caller.project, ProjectId::generate()] {
        let refused = keys.create(theirs_not_ours, project, "K").await;
        assert!(matches!(refused, Err(TenancyError::NotFound { .. })));
    }
    let tenancy = world.billing.tenancy();
    let projects = tenancy.projects(theirs_not_ours).await.unwrap();
    assert_eq!(
        projects
            .iter()
            .map(|project| project.id)
            .collect::<Vec<_>>(),
        [theirs.project]
    );
    assert!(
        tenancy
            .viewer(world.owner.user, theirs_not_ours)
            .await
            .unwrap()
            .is_none()
    );
    assert!(keys.authenticate(&world.secret).await.unwrap().is_some());
    world.finish().await;
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_tried_than_of_one_after_the_other() {
    let world = World::new().await;
    let guesses: Vec<_> = (0..30)
        .map(|_| {
            let sessions = world.billing.sessions();
            tokio::spawn(async move {
                sessions
                    .sign_in("owner@example.com", "not the passphrase", "::1")
                    .await
            })
        })
        .collect();
    let mut tried = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Err(SignInError::Incorrect) => tried += 1,
            Err(SignInError::Throttled { .. }) => {}
            other => panic!("{:?}", other.map(|_| "signed in")),
        }
    }
    assert_eq!(tried, 5);
    world.finish().await;
}
