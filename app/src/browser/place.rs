//! How far down a page somebody was, kept for when they come back to it. The browser keeps it too,
//! but goes there before a page that loads its data has its height again.

use leptos::prelude::{request_animation_frame, window};

use super::kept;

/// A page's address is the key, so that another one starts at its top.
fn key(address: &str) -> String {
    format!("place {address}")
}

/// Pixels from the page's top to the window's.
pub fn now() -> f64 {
    window().scroll_y().unwrap_or_default()
}

pub fn keep(address: &str, place: f64) {
    // Without room in the storage the page starts at its top.
    kept::keep(&key(address), &place);
}

/// Goes back to where the page was left, once.
pub fn restore(address: &str) {
    let place = kept::find::<f64>(&key(address));
    kept::forget(&key(address));
    if let Some(place) = place {
        // Once the rows are drawn, and after the router has gone to the top of the new page.
        request_animation_frame(move || {
            request_animation_frame(move || window().scroll_to_with_x_and_y(0.0, place));
        });
    }
}
