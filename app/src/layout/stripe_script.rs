#[cfg(not(feature = "ssr"))]
use crate::browser;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Whether Stripe's script may run in a document: its content policy is fixed when the server sends
/// it, and is widened on the pages that pay and on no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeScript {
    /// This installation takes cards by its own fields.
    Unused,
    Here,
    /// The installation uses it, and this is not a page that pays.
    Elsewhere,
}

impl StripeScript {
    /// In a document of ours with this path.
    #[must_use]
    pub fn at(path: &str) -> Self {
        if path == "/billing" {
            Self::Here
        } else {
            Self::Elsewhere
        }
    }

    /// Whether a page with this path must not stand in the document that the browser shows, because
    /// that one lets Stripe's script run and this page does not pay.
    #[cfg(not(feature = "ssr"))]
    #[must_use]
    pub fn is_too_wide_for(path: &str) -> bool {
        Self::of_document() == Self::Here && Self::at(path) == Self::Elsewhere
    }

    /// The `data-stripe` of the document, from which the browser learns it.
    #[must_use]
    pub const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::Unused => None,
            Self::Here => Some("here"),
            Self::Elsewhere => Some("elsewhere"),
        }
    }

    /// In the document that is being made, or that the browser shows.
    #[must_use]
    pub fn of_document() -> Self {
        #[cfg(feature = "ssr")]
        return ssr::stripe_script();
        #[cfg(not(feature = "ssr"))]
        match browser::page_stripe().as_deref() {
            Some("here") => Self::Here,
            Some(_) => Self::Elsewhere,
            None => Self::Unused,
        }
    }
}
