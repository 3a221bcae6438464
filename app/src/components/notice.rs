use leptos::prelude::*;

use super::icon::{Glyph, Icon};

/// What a notice is about: it chooses colour and icon, the words carry the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something arrived.
    Good,
    /// Something waits, or should be known.
    Waiting,
    /// Something failed.
    Bad,
}

/// A message that stands in the page until it no longer holds.
#[component]
pub fn Notice(
    kind: NoticeKind,
    #[prop(optional, into)] id: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    let (class, glyph) = match kind {
        NoticeKind::Good => ("notice notice-good", Glyph::Check),
        NoticeKind::Waiting => ("notice notice-waiting", Glyph::Alert),
        NoticeKind::Bad => ("notice notice-bad", Glyph::Alert),
    };
    // A failure interrupts a screen reader; the rest waits for a pause.
    let role = if kind == NoticeKind::Bad {
        "alert"
    } else {
        "status"
    };
    view! {
        <div class=class role=role id=id tabindex="-1">
            <Icon glyph/>
            <div class="notice-words">{children()}</div>
        </div>
    }
    .into_any()
}
