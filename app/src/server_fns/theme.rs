use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Which of the two looks a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Whatever the device prefers.
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// Anything that we did not write ourselves reads as [`Theme::System`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|theme| theme.as_str() == text)
            .unwrap_or(Self::System)
    }

    /// The `data-theme` of the page; without one the device's preference rules.
    #[must_use]
    pub const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light | Self::Dark => Some(self.as_str()),
        }
    }

    /// The choice that came with the request. The browser learns it from the server's page.
    #[must_use]
    pub fn of_request() -> Self {
        #[cfg(feature = "ssr")]
        return ssr::theme();
        #[cfg(not(feature = "ssr"))]
        crate::browser::page_theme()
    }
}

/// Keeps the choice in a cookie, so that the next page comes in the right look at once.
#[server(name = SetTheme, prefix = "/api", endpoint = "set_theme")]
pub async fn set_theme(theme: Theme) -> Result<(), AppError> {
    ssr::set_theme(theme);
    let back = ssr::referring_path();
    ssr::Form {
        name: "theme",
        back: &back,
        unsure: &back,
        typed: &[],
    }
    .answer(Ok(()), |()| back.clone())
}
