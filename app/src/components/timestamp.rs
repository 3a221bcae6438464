use leptos::prelude::*;
use types::time::{Timestamp as Instant, us_date_time};

use crate::browser;

/// An instant: UTC in the server's page, which says so, and the browser's locale and zone once it
/// has taken over. The exact UTC time is on hover and in `datetime`.
#[component]
pub fn Timestamp(at: Instant) -> impl IntoView {
    let text = RwSignal::new(format!("{} UTC", us_date_time(at)));
    Effect::new(move || {
        if let Some(local) = browser::local_date_time(at.timestamp_millis()) {
            text.set(local);
        }
    });
    let machine = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let exact = machine.replace('T', " ").replace('Z', " UTC");
    view! {
        <time class="timestamp" datetime=machine title=exact>{move || text.get()}</time>
    }
    .into_any()
}
