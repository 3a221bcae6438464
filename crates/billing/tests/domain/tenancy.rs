use std::time::Duration;

use billing::{SignInError, TenancyError};
use sqlx::{AnyConnection, Connection, Executor};

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
async fn a_person_is_known_even_if_it_cannot_be_noted_that_they_were_here() {
    let world = World::new().await;
    let sessions = world.billing.sessions();
    let session = sessions
        .sign_in("owner@example.com", PASSWORD, "::1")
        .await
        .unwrap();
    let refuse = if world.is_postgres() {
        "create trigger refused before update on sessions
         for each statement execute function refuse_change()"
    } else {
        "create trigger refused before update on sessions
         begin select raise(abort, 'refused'); end"
    };
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    connection.execute(refuse).await.unwrap();
    world.clock.advance(Duration::from_secs(600));
    let found = sessions.find(&session.token).await.unwrap();
    assert_eq!(found, Some(world.owner.clone()));
    connection.close().await.unwrap();
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
    for name in ["", "  ", "a\nb", &"x".repeat(101)] {
        let refused = tenancy.create_project(&world.owner, name).await;
        assert!(matches!(refused, Err(TenancyError::Name)), "{name:?}");
    }
    let taken = tenancy.create_project(&world.owner, " Production ").await;
    assert!(matches!(taken, Err(TenancyError::NameTaken)));
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

#[tokio::test]
async fn a_password_typed_on_another_system_is_the_same_password() {
    let world = World::new().await;
    let tenancy = world.billing.tenancy();
    // Composed letters, as most systems type them; then in parts, as some do.
    let user = tenancy
        .create_user("ana@example.com", "contraseña de café")
        .await;
    tenancy
        .create_organization("Ana", user.unwrap())
        .await
        .unwrap();
    let sessions = world.billing.sessions();
    let in_parts = "contrasen\u{303}a de cafe\u{301}";
    let session = sessions.sign_in("ana@example.com", in_parts, "::1").await;
    assert!(session.is_ok());
    let other = sessions
        .sign_in("ana@example.com", "contrasena de cafe", "::1")
        .await;
    assert!(matches!(other, Err(SignInError::Incorrect)));
    world.finish().await;
}
