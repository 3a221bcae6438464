//! What one tab keeps over a reload, gone with the tab and no other tab's; and what all tabs of a
//! browser share.
//!
//! With storage switched off nothing is kept: what was under way lives in memory, and only a reload
//! loses it.

use leptos::prelude::window;
use serde::Serialize;
use serde::de::DeserializeOwned;
use web_sys::Storage;

pub fn keep(key: &str, value: &impl Serialize) {
    keep_in(tab(), key, value);
}

pub fn find<T: DeserializeOwned>(key: &str) -> Option<T> {
    find_in(tab(), key)
}

pub fn forget(key: &str) {
    forget_in(tab(), key);
}

/// For every tab, and for when this one is closed.
pub fn share(key: &str, value: &impl Serialize) {
    keep_in(browser(), key, value);
}

pub fn find_shared<T: DeserializeOwned>(key: &str) -> Option<T> {
    find_in(browser(), key)
}

pub fn forget_shared(key: &str) {
    forget_in(browser(), key);
}

fn keep_in(storage: Option<Storage>, key: &str, value: &impl Serialize) {
    if let (Some(storage), Ok(text)) = (storage, serde_json::to_string(value)) {
        let _ = storage.set_item(key, &text);
    }
}

fn find_in<T: DeserializeOwned>(storage: Option<Storage>, key: &str) -> Option<T> {
    let text = storage?.get_item(key).ok().flatten()?;
    serde_json::from_str(&text).ok()
}

fn forget_in(storage: Option<Storage>, key: &str) {
    if let Some(storage) = storage {
        let _ = storage.remove_item(key);
    }
}

fn tab() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

fn browser() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
