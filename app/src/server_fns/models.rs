use leptos::prelude::*;
use types::pricing::ModelView;

use crate::error::AppError;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Every model with the prices in force now.
#[server(name = GetModels, prefix = "/api", endpoint = "models")]
pub async fn models() -> Result<Vec<ModelView>, AppError> {
    ssr::respond(load().await)
}

#[cfg(feature = "ssr")]
async fn load() -> Result<Vec<ModelView>, AppError> {
    ssr::viewer()?;
    Ok(ssr::billing()?.rates().models().await?)
}
