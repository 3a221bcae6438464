//! The browser's side: where its files are.

use std::path::PathBuf;

use clap::Args;

/// The built site.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pages")]
pub struct SiteConfig {
    /// Directory of the built site, such as target/site (needed unless it is inside this binary)
    #[arg(long, value_name = "DIR", env = "BILLING_SITE")]
    pub site: Option<PathBuf>,

    /// For developers: pages reload themselves after a rebuild, files are not cached
    #[arg(long, env = "BILLING_DEV")]
    pub dev: bool,
}

/// Whether browsers may keep the site's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    On,
    /// They change under the same name while somebody works on them.
    Off,
}

impl SiteConfig {
    #[must_use]
    pub const fn caching(&self) -> Caching {
        if self.dev { Caching::Off } else { Caching::On }
    }
}
