use leptos::prelude::*;
use types::history::HistoryPage;

use crate::error::AppError;
use crate::server_fns::page_client::PageClient;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Rows a page: two screens of them.
#[cfg(feature = "ssr")]
const ROWS: u32 = 25;
/// The most pages that are asked for at once, by whoever comes back to a place far down.
pub const MOST_PAGES: u32 = 20;

/// Pages of the history, newest first; `after` is the cursor of the page before them.
#[server(name = GetHistoryPage, prefix = "/api", endpoint = "history_page", client = PageClient)]
pub async fn history_page(
    #[server(default)] after: Option<String>,
    /// How many at once; one where nothing is said.
    #[server(default)]
    pages: Option<u32>,
) -> Result<HistoryPage, AppError> {
    ssr::respond(load(after, pages.unwrap_or(1)).await)
}

#[cfg(feature = "ssr")]
async fn load(after: Option<String>, pages: u32) -> Result<HistoryPage, AppError> {
    let (billing, viewer) = (ssr::billing()?, ssr::viewer()?);
    let mut after = after.map(types::history::HistoryCursor);
    let mut rows = Vec::new();
    for _ in 0..pages.clamp(1, MOST_PAGES) {
        let page = billing
            .history()
            .page(viewer.organization, after.as_ref(), ROWS)
            .await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(HistoryPage { rows, next: after })
}
