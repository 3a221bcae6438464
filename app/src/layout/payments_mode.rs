#[cfg(not(feature = "ssr"))]
use crate::browser;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Whether the payments of this installation move money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentsMode {
    /// The gateway takes test cards, and credit is given for nothing.
    Test,
    Live,
}

impl PaymentsMode {
    /// The `data-payments` of the page, from which the browser learns it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// How this installation is paid: the server's setting, which stands on every page of its own.
    #[must_use]
    pub fn of_site() -> Self {
        #[cfg(feature = "ssr")]
        return ssr::site_options().payments;
        #[cfg(not(feature = "ssr"))]
        match browser::page_payments().as_deref() {
            Some("test") => Self::Test,
            Some(_) | None => Self::Live,
        }
    }
}
