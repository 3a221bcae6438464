mod list;
mod show;

pub use list::get;
