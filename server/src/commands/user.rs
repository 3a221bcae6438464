//! `user add`: the first person of an organization, or another one.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, bail};
use billing::Billing;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use types::ids::{OrganizationId, ProjectId, UserId};
use types::tenancy::Role;

use super::{print, progress};
use crate::config::DatabaseConfig;
use crate::parts::open_offline;

/// Every key belongs to a project, so a new organization gets one.
const FIRST_PROJECT: &str = "Default";

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person; the password is read from standard input or asked for
    ///
    /// With an organization's id the person joins it. With any other text a new organization of
    /// that name is made, and the person owns it. Somebody who is known keeps their password.
    /// Prints one line of JSON.
    Add(AddArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// What the person signs in with
    #[arg(long)]
    email: String,

    /// An organization's id, or the name of a new one
    #[arg(long, value_name = "ID|NAME")]
    organization: String,

    /// What the person may do in an organization that is there already
    #[arg(long, value_enum, default_value = "member")]
    role: RoleName,

    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    Owner,
    BillingAdmin,
    Member,
    Finance,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::BillingAdmin => Self::BillingAdmin,
            RoleName::Member => Self::Member,
            RoleName::Finance => Self::Finance,
        }
    }
}

#[derive(Debug, Serialize)]
struct Added {
    user_id: UserId,
    organization_id: OrganizationId,
    /// The new organization's first project.
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<ProjectId>,
}

pub(super) async fn run(command: &UserCommand) -> anyhow::Result<()> {
    let UserCommand::Add(args) = command;
    let billing = open_offline(&args.database).await?;
    billing
        .migrate()
        .await
        .context("the migrations cannot be applied")?;
    let added = add(&billing, args).await?;
    billing.close().await;
    print(serde_json::to_string(&added)?)?;
    Ok(())
}

async fn add(billing: &Billing, args: &AddArgs) -> anyhow::Result<Added> {
    let (tenancy, operator) = (billing.tenancy(), billing.operator());
    // Before a person is made who would be in none.
    let joined = match args.organization.parse::<OrganizationId>() {
        Ok(organization) => {
            operator.expect_organization(organization).await?;
            Some(organization)
        }
        Err(error) if is_meant_as_an_id(&args.organization) => return Err(error.into()),
        Err(_) => {
            operator.expect_usable_name(&args.organization)?;
            None
        }
    };
    let user_id = match tenancy.find_user(&args.email).await? {
        Some(user) => {
            expect_new_name(billing, user, args).await?;
            progress(format_args!(
                "{} is known: their password stays as it is, and none is read here",
                args.email
            ));
            user
        }
        None => tenancy.create_user(&args.email, &read_password()?).await?,
    };
    if let Some(organization_id) = joined {
        operator
            .add_member(organization_id, user_id, args.role.into())
            .await?;
        return Ok(Added {
            user_id,
            organization_id,
            project_id: None,
        });
    }
    let organization_id = tenancy
        .create_organization(&args.organization, user_id)
        .await?;
    let project_id = operator
        .create_project(organization_id, FIRST_PROJECT)
        .await?;
    Ok(Added {
        user_id,
        organization_id,
        project_id: Some(project_id),
    })
}

/// Whether this is an id that was mistyped or written in another form: as a name it would silently
/// make a new organization beside the one that was meant.
fn is_meant_as_an_id(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    let others = text.chars().filter(|letter| !letter.is_ascii_hexdigit());
    // Of 32, with some lost; no name of this length consists of such letters alone.
    digits >= 24 && others.into_iter().all(|letter| "-{}".contains(letter))
}

/// The same command again must not make a second organization beside the first.
async fn expect_new_name(billing: &Billing, user: UserId, args: &AddArgs) -> anyhow::Result<()> {
    let theirs = billing.tenancy().organizations(user).await?;
    let name = args.organization.trim();
    if let Some(same) = theirs.iter().find(|same| same.name == name) {
        bail!(
            "{} is in an organization of this name already: nothing was made, and the password \
             stays as it is; its id is {}, for --organization",
            args.email,
            same.id
        );
    }
    Ok(())
}

/// Never from the command line: others on the machine can read that.
fn read_password() -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin()
            .lock()
            .read_line(&mut line)
            .context("no password on standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("Password (at least 12 characters): ")?;
    if rpassword::prompt_password("The same again: ")? != password {
        bail!("the two passwords differ");
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::is_meant_as_an_id;

    #[test]
    fn an_id_in_another_form_is_told_from_a_name() {
        for id in [
            "01932f6e7c1a700080000123456789ab",
            "01932F6E-7C1A-7000-8000-0123456789AB",
            "01932f6e-7c1a-7000-8000-0123456789a",
            "{01932f6e-7c1a-7000-8000-0123456789ab}",
            " 01932f6e-7c1a-7000-8000-0123456789ab ",
            "urn:uuid:01932f6e-7c1a-7000-8000-0123456789ab",
        ] {
            assert!(is_meant_as_an_id(id), "{id}");
        }
        for name in [
            "",
            "Northwind",
            "3M",
            "Cafe-Facade",
            "1000000 Bees and a Deed",
        ] {
            assert!(!is_meant_as_an_id(name), "{name}");
        }
    }
}
