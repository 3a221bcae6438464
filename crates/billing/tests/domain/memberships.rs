//! A person in several organizations.

use types::ids::OrganizationId;
use types::tenancy::Role;

use crate::world::World;

const PASSWORD: &str = "copper-lantern-orbit-42";

/// A person with a session, and their two organizations in the order of joining.
async fn person_in_two(world: &World) -> (String, OrganizationId, OrganizationId) {
    let tenancy = world.billing.tenancy();
    let user = tenancy
        .create_user("both@example.com", PASSWORD)
        .await
        .unwrap();
    let first = tenancy.create_organization("First", user).await.unwrap();
    let second = world.owner.organization;
    world.clock.advance(std::time::Duration::from_secs(1));
    let operator = world.billing.operator();
    operator
        .add_member(second, user, Role::Member)
        .await
        .unwrap();
    let listed = tenancy.organizations(user).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|organization| organization.id).collect();
    assert_eq!(ids, [first, second]);
    let sessions = world.billing.sessions();
    let session = sessions
        .sign_in("both@example.com", PASSWORD, "203.0.113.9")
        .await
        .unwrap();
    (session.token, first, second)
}

#[tokio::test]
async fn a_person_goes_from_one_of_their_organizations_to_the_other_under_a_new_token() {
    let world = World::new().await;
    let (token, first, second) = person_in_two(&world).await;
    let sessions = world.billing.sessions();
    let before = sessions.find(&token).await.unwrap().unwrap();
    assert_eq!((before.organization, before.role), (first, Role::Owner));

    let new = sessions.switch(&token, second).await.unwrap().unwrap();
    let after = sessions.find(&new.token).await.unwrap().unwrap();
    assert_eq!((after.organization, after.role), (second, Role::Member));
    assert_eq!(after.user, before.user);
    // Whoever kept the old token has nothing any more.
    assert!(sessions.find(&token).await.unwrap().is_none());
    assert!(sessions.switch(&token, first).await.unwrap().is_none());
    world.finish().await;
}

#[tokio::test]
async fn nobody_goes_where_they_are_no_member_and_stays_signed_in() {
    let world = World::new().await;
    let (token, first, _) = person_in_two(&world).await;
    let (stranger, ..) = world.another().await;
    let sessions = world.billing.sessions();
    for organization in [stranger.organization, OrganizationId::generate()] {
        let refused = sessions.switch(&token, organization).await.unwrap();
        assert!(refused.is_none());
    }
    let still = sessions.find(&token).await.unwrap().unwrap();
    assert_eq!(still.organization, first);
    world.finish().await;
}

#[tokio::test]
async fn changing_the_organization_makes_a_session_no_longer() {
    let world = World::new().await;
    let (mut token, first, second) = person_in_two(&world).await;
    let sessions = world.billing.sessions();
    for day in 0..31 {
        let next = if day % 2 == 0 { second } else { first };
        token = match sessions.switch(&token, next).await.unwrap() {
            Some(new) => new.token,
            None => panic!("it ended on day {day}"),
        };
        world
            .clock
            .advance(std::time::Duration::from_secs(24 * 3_600));
        if day == 29 {
            break;
        }
    }
    assert!(sessions.switch(&token, first).await.unwrap().is_none());
    world.finish().await;
}
