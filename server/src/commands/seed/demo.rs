//! Who is in the demo: an owner, an organization, two projects, a card, an API key.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;
use billing::Billing;
use serde::{Deserialize, Serialize};
use types::ids::{OrganizationId, ProjectId};
use types::tenancy::Viewer;
use types::time::Timestamp;

use super::processor::{GOOD_CARD, Processor};
use crate::commands::progress;

/// Public on purpose: the demo holds nothing of anyone's.
pub(super) const EMAIL: &str = "demo@zerogpu.example";
pub(super) const PASSWORD: &str = "copper-lantern-orbit-42";
const ORGANIZATION: &str = "Acme Robotics";
const PRODUCTION: &str = "Production";
const STAGING: &str = "Staging";
const KEY: &str = "Inference gateway";

/// The demo, found or made.
pub(super) struct Demo {
    pub viewer: Viewer,
    pub production: ProjectId,
    pub staging: ProjectId,
    pub memory: Memory,
}

/// What the database cannot tell again, for each database that this directory has seen. Readable
/// by this user alone.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct DemoFile {
    #[serde(skip)]
    path: PathBuf,
    demos: BTreeMap<OrganizationId, Memory>,
}

/// About one demo organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Of the secret the database keeps only the hash.
    pub api_key: String,
    /// The instant that the story leads up to. A run that was cut short goes on with the same.
    pub ends_at: Timestamp,
    pub is_told: bool,
}

impl DemoFile {
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} cannot be understood", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        Ok(Self { path, ..file })
    }

    pub(super) fn remember_told(&mut self, organization: OrganizationId) -> anyhow::Result<()> {
        if let Some(memory) = self.demos.get_mut(&organization) {
            memory.is_told = true;
        }
        self.save()
    }

    /// Whole or not at all: the new file takes the old one's place.
    fn save(&self) -> anyhow::Result<()> {
        let new = self.path.with_extension("json.new");
        let cannot = || format!("{} cannot be written", self.path.display());
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .with_context(cannot)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)
            .with_context(cannot)?;
        file.sync_all().with_context(cannot)?;
        std::fs::rename(&new, &self.path).with_context(cannot)
    }
}

impl Demo {
    pub(super) async fn find_or_make(
        billing: &Billing,
        processor: &Processor,
        file: &mut DemoFile,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let viewer = find_or_make_owner(billing).await?;
        let production = find_or_make_project(billing, &viewer, PRODUCTION).await?;
        let staging = find_or_make_project(billing, &viewer, STAGING).await?;
        let memory = recall(billing, &viewer, production, file, now).await?;
        if billing
            .payment_methods()
            .list(viewer.organization)
            .await?
            .is_empty()
        {
            progress("saving a test card at the sandbox");
            let token = processor.tokenize(GOOD_CARD).await?;
            billing.payment_methods().add(&viewer, &token).await?;
        }
        Ok(Self {
            viewer,
            production,
            staging,
            memory,
        })
    }
}

async fn find_or_make_owner(billing: &Billing) -> anyhow::Result<Viewer> {
    let tenancy = billing.tenancy();
    let user = match tenancy.find_user(EMAIL).await? {
        Some(user) => user,
        None => {
            progress(format_args!("making {EMAIL} and {ORGANIZATION}"));
            tenancy.create_user(EMAIL, PASSWORD).await?
        }
    };
    // Not by signing in: the demo's clock is behind, and whoever mistyped its password lately would
    // have to wait for ever.
    let theirs = tenancy.organizations(user).await?;
    let organization = match theirs.first() {
        Some(organization) => organization.id,
        None => tenancy.create_organization(ORGANIZATION, user).await?,
    };
    tenancy
        .viewer(user, organization)
        .await?
        .context("the owner is not in the organization")
}

async fn find_or_make_project(
    billing: &Billing,
    viewer: &Viewer,
    name: &str,
) -> anyhow::Result<ProjectId> {
    let tenancy = billing.tenancy();
    let projects = tenancy.projects(viewer.organization).await?;
    match projects.into_iter().find(|project| project.name == name) {
        Some(project) => Ok(project.id),
        None => Ok(tenancy.create_project(viewer, name).await?),
    }
}

/// What the file says about this organization, made true where it is not.
async fn recall(
    billing: &Billing,
    viewer: &Viewer,
    project: ProjectId,
    file: &mut DemoFile,
    now: Timestamp,
) -> anyhow::Result<Memory> {
    let organization = viewer.organization;
    let known = file.demos.get(&organization).cloned();
    if let Some(memory) = &known {
        let caller = billing.api_keys().authenticate(&memory.api_key).await?;
        if caller.is_some_and(|caller| caller.organization == organization) {
            return Ok(memory.clone());
        }
    }
    // Another directory may have told this database's story; a second one would not fit.
    let has_history = !billing
        .history()
        .page(organization, None, 1)
        .await?
        .rows
        .is_empty();
    let (_, api_key) = billing.api_keys().create(viewer, project, KEY).await?;
    let memory = match known {
        Some(memory) => Memory { api_key, ..memory },
        None => Memory {
            api_key,
            ends_at: now,
            is_told: has_history,
        },
    };
    file.demos.insert(organization, memory.clone());
    file.save()?;
    Ok(memory)
}
