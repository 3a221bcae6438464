//! How far down a page somebody was, kept for when they come back to it. The browser keeps it too,
//! but goes there before a page that loads its data has its height again.

use leptos::prelude::{request_animation_frame, window};

use super::attempt::storage;

/// A page's address is the key, so that another one starts at its top.
fn key(address: &str) -> String {
    format!("place {address}")
}

/// Pixels from the page's top to the window's.
pub fn now() -> f64 {
    window().scroll_y().unwrap_or_default()
}

pub fn keep(address: &str, place: f64) {
    if let Some(storage) = storage() {
        // Without room in the storage the page starts at its top.
        let _ = storage.set_item(&key(address), &place.to_string());
    }
}

/// Goes back to where the page was left, once.
pub fn restore(address: &str) {
    let Some(storage) = storage() else { return };
    let kept = storage.get_item(&key(address)).ok().flatten();
    let _ = storage.remove_item(&key(address));
    if let Some(place) = kept.and_then(|place| place.parse::<f64>().ok()) {
        // Once the rows are drawn, and after the router has gone to the top of the new page.
        request_animation_frame(move || {
            request_animation_frame(move || window().scroll_to_with_x_and_y(0.0, place));
        });
    }
}
