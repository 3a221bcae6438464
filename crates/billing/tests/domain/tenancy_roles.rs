//! Each role does its part, and is told who may do the rest.

use billing::{Problem, ProblemKind, TenancyError};
use types::ids::OrganizationId;
use types::tenancy::{Permission, Role, Viewer};

use crate::world::{PASSWORD, World};

/// The answer to somebody who may not is a refusal that names who may.
fn refused<T>(answer: Result<T, TenancyError>, needs: Permission) -> bool {
    let Err(error) = answer else { return false };
    assert_eq!(error.kind(), ProblemKind::NotAllowed, "{error}");
    assert!(error.to_string().contains(&needs.holders()), "{error}");
    true
}

#[tokio::test]
async fn only_owners_and_members_change_keys() {
    let world = World::new().await;
    let keys = world.billing.api_keys();
    for role in Role::ALL {
        let viewer = viewer(&world, role).await;
        let made = keys.create(&viewer, world.caller.project, "K").await;
        let revoked = keys.revoke(&viewer, world.caller.api_key).await;
        let may = matches!(role, Role::Owner | Role::Member);
        assert_eq!(refused(made, Permission::Keys), !may, "{role:?}");
        assert_eq!(refused(revoked, Permission::Keys), !may, "{role:?}");
    }
    let listed = keys.list(world.owner.organization).await.unwrap();
    assert_eq!(listed.len(), 3, "the first, the owner's, the member's");
    world.finish().await;
}

#[tokio::test]
async fn a_key_stays_in_force_when_somebody_who_may_not_revokes_it() {
    let world = World::new().await;
    let finance = world.viewer_with(Role::Finance).await;
    let keys = world.billing.api_keys();
    assert!(keys.revoke(&finance, world.caller.api_key).await.is_err());
    let caller = keys.authenticate(&world.secret).await.unwrap();
    assert_eq!(caller, Some(world.caller));
    world.finish().await;
}

#[tokio::test]
async fn only_owners_change_projects_and_members() {
    let world = World::new().await;
    let tenancy = world.billing.tenancy();
    let organization = world.owner.organization;
    let email = "new@example.com";
    let newcomer = tenancy.create_user(email, PASSWORD).await.unwrap();
    for role in [Role::BillingAdmin, Role::Member, Role::Finance] {
        let viewer = viewer(&world, role).await;
        let project = tenancy.create_project(&viewer, role.as_str()).await;
        assert!(refused(project, Permission::Projects), "{role:?}");
        let member = tenancy.add_member(&viewer, newcomer, Role::Finance).await;
        assert!(refused(member, Permission::Members), "{role:?}");
        // Nor do they make themselves one.
        let promoted = tenancy.add_member(&viewer, viewer.user, Role::Owner).await;
        assert!(refused(promoted, Permission::Members), "{role:?}");
    }
    let projects = tenancy.projects(organization).await.unwrap();
    assert_eq!(projects.len(), 1);
    assert_eq!(tenancy.viewer(newcomer, organization).await.unwrap(), None);

    tenancy
        .create_project(&world.owner, "Staging")
        .await
        .unwrap();
    tenancy
        .add_member(&world.owner, newcomer, Role::Finance)
        .await
        .unwrap();
    let found = tenancy.viewer(newcomer, organization).await.unwrap();
    assert_eq!(found.unwrap().role, Role::Finance);
    world.finish().await;
}

#[tokio::test]
async fn an_organization_keeps_an_owner() {
    let world = World::new().await;
    let tenancy = world.billing.tenancy();
    let (owner, organization) = (&world.owner, world.owner.organization);
    let alone = tenancy.add_member(owner, owner.user, Role::Member).await;
    assert!(matches!(alone, Err(TenancyError::LastOwner)));
    let by_operator = world.billing.operator();
    let by_operator = by_operator.add_member(organization, owner.user, Role::Finance);
    assert!(matches!(by_operator.await, Err(TenancyError::LastOwner)));

    let second = tenancy.create_user("second@example.com", PASSWORD).await;
    let second = second.unwrap();
    for (user, role) in [(second, Role::Owner), (owner.user, Role::Member)] {
        tenancy.add_member(owner, user, role).await.unwrap();
    }
    let second = tenancy.viewer(second, organization).await.unwrap().unwrap();
    let alone = tenancy.add_member(&second, second.user, Role::Member).await;
    assert!(matches!(alone, Err(TenancyError::LastOwner)));
    world.finish().await;
}

#[tokio::test]
async fn the_operator_has_no_role_and_finds_only_organizations_that_are_there() {
    let world = World::new().await;
    let operator = world.billing.operator();
    let organization = world.owner.organization;
    let project = operator
        .create_project(organization, "Staging")
        .await
        .unwrap();
    let (_, secret) = operator
        .create_key(organization, project, "Gateway")
        .await
        .unwrap();
    let caller = world.billing.api_keys().authenticate(&secret).await;
    assert_eq!(caller.unwrap().unwrap().project, project);

    let nowhere = OrganizationId::generate();
    let made = operator.create_project(nowhere, "P").await;
    assert!(matches!(made, Err(TenancyError::NotFound { .. })));
    let made = operator.create_key(nowhere, project, "K").await;
    assert!(matches!(made, Err(TenancyError::NotFound { .. })));
    let made = operator.add_member(nowhere, world.owner.user, Role::Owner);
    assert!(matches!(made.await, Err(TenancyError::NotFound { .. })));
    world.finish().await;
}

async fn viewer(world: &World, role: Role) -> Viewer {
    match role {
        Role::Owner => world.owner.clone(),
        Role::BillingAdmin | Role::Member | Role::Finance => world.viewer_with(role).await,
    }
}
