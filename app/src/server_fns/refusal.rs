use serde::{Deserialize, Serialize};

/// A form that was posted without script and refused: what to show at it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Empty when there is nothing to say but what was typed.
    pub message: String,
    /// The input that the message belongs to.
    pub field: Option<String>,
    pub typed: Vec<(String, String)>,
}

impl Refusal {
    /// What was typed into an input.
    #[must_use]
    pub fn typed(&self, name: &str) -> Option<&str> {
        self.typed
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The refusal of a form's last post, if this page was reached by one. It comes with the server's
/// page: a page that the browser itself draws was not reached by a post.
#[must_use]
pub fn take_refusal(form: &'static str) -> Option<Refusal> {
    #[cfg(feature = "ssr")]
    return crate::ssr::take_refusal(form);
    #[cfg(not(feature = "ssr"))]
    {
        let _ = form;
        None
    }
}
